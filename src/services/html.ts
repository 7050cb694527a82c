import {
  defaultTreeAdapter,
  html,
  parse,
  type DefaultTreeAdapterTypes as Tree,
  type TreeAdapter
} from 'parse5'

/** What an HTML text says of itself; texts are as found, not folded. */
export interface HtmlFacts {
  title?: string
  heading?: string
  /** All `<meta>` elements in document order. */
  metas: Meta[]
  /** Labels of the charsets that metas declare. */
  charsets: string[]
}
export interface Meta {
  name: string
  property: string
  content: string
}

/** Markup can make a parser copy formatting elements without end: past this many elements the rest is not seen. */
const MAX_ELEMENTS = 100_000

const UNSEEN = new Set(['script', 'style', 'svg', 'template', 'noscript'])

/** Reads title, first heading and metas as the HTML standard parses them. */
export function readHtml(text: string): HtmlFacts {
  const facts: HtmlFacts = { metas: [], charsets: [] }
  for (const element of seenElements(parseBounded(text))) {
    if (element.namespaceURI !== html.NS.HTML) continue
    if (element.tagName === 'title') facts.title ??= textOf(element)
    else if (element.tagName === 'h1') facts.heading ??= textOf(element)
    else if (element.tagName === 'meta') readMeta(element, facts)
  }
  return facts
}

/** The charsets that an HTML text declares, in metas or in an XML declaration, the one that counts first. */
export function declaredCharsets(text: string): string[] {
  const inXml = /^<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(text)?.[1]
  return [...readHtml(text).charsets, ...(inXml === undefined ? [] : [inXml])]
}

function parseBounded(text: string): Tree.Document {
  const document = defaultTreeAdapter.createDocument()
  let left = MAX_ELEMENTS
  const treeAdapter: TreeAdapter<Tree.DefaultTreeAdapterMap> = {
    ...defaultTreeAdapter,
    createDocument: () => document,
    createElement(tagName, namespace, attributes) {
      if (left-- === 0) throw new TooManyElements()
      return defaultTreeAdapter.createElement(tagName, namespace, attributes)
    }
  }
  try {
    parse(text, { treeAdapter })
  } catch (error) {
    if (!(error instanceof TooManyElements)) throw error
  }
  return document
}

class TooManyElements extends Error {}

function* seenElements(root: Tree.ParentNode): Generator<Tree.Element> {
  for (const node of seenNodes(root)) if (isElement(node)) yield node
}

/** Document order, without recursion: nesting is as deep as the text is long. */
function* seenNodes(root: Tree.ParentNode): Generator<Tree.ChildNode> {
  const ahead: Tree.ChildNode[] = root.childNodes.toReversed()
  for (let node = ahead.pop(); node; node = ahead.pop()) {
    if (isElement(node) && UNSEEN.has(node.tagName)) continue
    yield node
    if (isElement(node))
      for (let i = node.childNodes.length; i-- > 0; ) ahead.push(node.childNodes[i] as Tree.ChildNode)
  }
}

function isElement(node: Tree.ChildNode): node is Tree.Element {
  return 'tagName' in node
}

function textOf(element: Tree.Element): string {
  let text = ''
  for (const node of seenNodes(element)) {
    if ('value' in node) text += node.value
    else if (isElement(node) && node.tagName === 'br') text += ' '
  }
  return text
}

function readMeta(element: Tree.Element, facts: HtmlFacts): void {
  const attributes = new Map(element.attrs.map(({ name, value }) => [name, value]))
  const content = attributes.get('content')
  const declared =
    attributes.get('charset') ??
    (attributes.get('http-equiv')?.toLowerCase() === 'content-type' ? charsetIn(content ?? '') : undefined)
  if (declared !== undefined) facts.charsets.push(declared.trim())
  if (content === undefined) return
  const [name = '', property = ''] = ['name', 'property'].map((key) => attributes.get(key)?.toLowerCase())
  facts.metas.push({ name, property, content })
}

function charsetIn(content: string): string | undefined {
  const match = /charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))/i.exec(content)
  return match?.[1] ?? match?.[2] ?? match?.[3]
}
