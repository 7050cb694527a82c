import { parser } from './parsers.js'

/** What an HTML text says of itself; texts are as found, not folded. */
export interface HtmlFacts {
  title?: string
  /** The first heading; looked for only where there is no title. */
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

/** A tag that says something of the document, or that can take back what was said before it. */
export const TELLING = /<(?:meta|title|frameset)/gi

/** Where there is none of these a text says nothing of itself. */
const ANYTHING = /<(?:meta|title|h1)/i

/** Reads title, first heading and metas as the HTML standard parses them. */
export function readHtml(text: string): HtmlFacts {
  if (!ANYTHING.test(text)) return { metas: [], charsets: [] }
  return parser('html').parseHtml(text)
}

/** The charsets that an HTML text declares, in metas or in an XML declaration, the one that counts first. */
export function declaredCharsets(text: string): string[] {
  const inXml = /^<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(text)?.[1]
  return [...readHtml(text).charsets, ...(inXml === undefined ? [] : [inXml])]
}

export function readMeta(attributes: ReadonlyMap<string, string>, facts: HtmlFacts): void {
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
