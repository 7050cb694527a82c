import {
  defaultTreeAdapter,
  html,
  Parser,
  TokenizerMode,
  type DefaultTreeAdapterTypes as Tree,
  type TreeAdapter
} from 'parse5'
import { type HtmlFacts, readMeta, TELLING } from './html.js'
import { foldText } from './text.js'

/** Markup can make a parser copy formatting elements without end: past this many elements the rest is not seen. */
const MAX_ELEMENTS = 100_000

const UNSEEN = new Set(['script', 'style', 'svg', 'template', 'noscript'])

/** As readHtml, by a parser. */
export function parseHtml(text: string): HtmlFacts {
  const facts: HtmlFacts = { metas: [], charsets: [] }
  for (const element of seenElements(parseEnough(text))) {
    if (element.namespaceURI !== html.NS.HTML) continue
    if (element.tagName === 'title') facts.title ??= textOf(element)
    else if (element.tagName === 'h1') facts.heading ??= textOf(element)
    else if (element.tagName === 'meta')
      readMeta(new Map(element.attrs.map(({ name, value }) => [name, value])), facts)
  }
  return facts
}

const HEADING = /<h1/i
/** The rest behind the last telling tag is read in pieces of so many characters until that tag is read. */
const PIECE = 512

/**
 * Parses a text as far as it has anything to tell, which is most often its beginning: a parser goes from left to right, and
 * but for a frameset nothing that comes later changes a title or a meta.
 */
function parseEnough(text: string): Tree.Document {
  const { parser, document } = boundedParser()
  const { tokenizer } = parser
  let at = 0
  const read = (end: number) => {
    tokenizer.write(text.slice(at, end), end >= text.length)
    at = end
  }
  try {
    const last = [...text.matchAll(TELLING)].at(-1)
    read(last ? last.index + PIECE : 0)
    while (at < text.length && tokenizer.state !== TokenizerMode.DATA) read(at + PIECE)
    if (at < text.length && HEADING.test(text) && !hasTitle(document)) read(text.length)
  } catch (error) {
    if (!(error instanceof TooManyElements)) throw error
  }
  return document
}

function hasTitle(document: Tree.Document): boolean {
  for (const element of seenElements(document)) {
    if (element.namespaceURI === html.NS.HTML && element.tagName === 'title')
      return foldText(textOf(element)) !== undefined
  }
  return false
}

/** A parser that gives up at some number of elements, and the document as far as it has come. */
function boundedParser() {
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
  return { parser: new Parser({ treeAdapter }), document }
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
