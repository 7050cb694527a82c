import { type Node, Parser } from 'commonmark'

/** Inline parsing is quadratic in brackets and the like; a heading is read up to so many of them. */
const MAX_MARKS = 2000

/**
 * As firstHeading, by the reference parser, but for that it reads the inline markup of nothing but the heading that is
 * asked for, and no line behind that (unless what stands there can be a reference that it makes).
 * @param lastLine the last line in which a heading can be, from 1; none behind it is read either
 */
export function parseHeading(markdown: string, lastLine: number): string | undefined {
  let heading: Heading | undefined
  const parser = new Parser() as Parser & Inner
  const incorporateLine = parser.incorporateLine
  parser.incorporateLine = (line) => {
    if (heading ? !heading._string_content.includes('[') : parser.lineNumber >= lastLine) return
    incorporateLine.call(parser, line)
    if (isTopHeading(parser.doc.lastChild)) heading ??= parser.doc.lastChild
  }
  parser.processInlines = () => {
    if (!heading) return
    heading._string_content = bounded(heading._string_content)
    Object.assign(parser.inlineParser, { refmap: parser.refmap, options: parser.options })
    parser.inlineParser.parse(heading)
  }
  parser.parse(markdown)
  return heading && plainText(heading)
}

/** What the reference parser keeps to itself. */
interface Inner {
  doc: Node
  lineNumber: number
  incorporateLine(line: string): void
  processInlines(document: Node): void
  refmap: object
  options: object
  inlineParser: { parse(block: Node): void }
}
type Heading = Node & { _string_content: string }

function isTopHeading(block: Node | null): block is Heading {
  return block?.type === 'heading' && block.level === 1
}

function bounded(content: string): string {
  let marks = 0
  for (const { index } of content.matchAll(/[[\]!<>*_`&\\:]/g))
    if (++marks > MAX_MARKS) return content.slice(0, index)
  return content
}

function plainText(heading: Node): string {
  const walker = heading.walker()
  let text = ''
  for (let event = walker.next(); event; event = walker.next()) {
    if (event.entering) text += textOf(event.node)
  }
  return text
}

function textOf({ type, literal }: Node): string {
  if (type === 'softbreak' || type === 'linebreak') return ' '
  return type === 'text' || type === 'code' ? (literal ?? '') : ''
}
