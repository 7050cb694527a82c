import { type Node, Parser } from 'commonmark'

// A level-1 heading at the top level has one of these lines, so most texts need no parser.
const ATX = /^ {0,3}#(?:[ \t]|$)/m
const SETEXT = /^ {0,3}=+[ \t]*$/m

/** Inline parsing is quadratic in brackets and the like; a heading is read up to so many of them. */
const MAX_MARKS = 2000

/**
 * The text of the first level-1 heading that stands at the top level, as CommonMark reads it: inline markup reduced
 * to text, images to their alt text.
 * @returns undefined where there is none; an empty heading gives an empty text
 */
export function firstHeading(markdown: string): string | undefined {
  const atOnce = headingAtOnce(markdown)
  if (atOnce !== undefined) return atOnce
  // The parser is quadratic in long runs of blanks, which mean no more than shorter ones.
  const text = markdown.replace(/\r\n?/g, '\n').replace(/[ \t]{256,}/g, ' '.repeat(256))
  if (!ATX.test(text) && !SETEXT.test(text)) return undefined
  let heading: Heading | undefined
  // The reference parser, but for that it reads the inline markup of nothing but the heading that is asked for, and no line
  // behind that, unless what stands there can be a reference that it makes.
  const parser = new Parser() as Parser & Inner
  const incorporateLine = parser.incorporateLine
  parser.incorporateLine = (line) => {
    if (heading && !heading._string_content.includes('[')) return
    incorporateLine.call(parser, line)
    if (isTopHeading(parser.doc.lastChild)) heading ??= parser.doc.lastChild
  }
  parser.processInlines = () => {
    if (!heading) return
    heading._string_content = bounded(heading._string_content)
    Object.assign(parser.inlineParser, { refmap: parser.refmap, options: parser.options })
    parser.inlineParser.parse(heading)
  }
  parser.parse(text)
  return heading && plainText(heading)
}

/** A first line `# words`, without anything that could be inline markup, and whole. */
const PLAIN_ATX = /^(?:[ \t]*\r?\n)* {0,3}#[ \t]([^\\`*_[\]<&\r\n\0]{0,1000})\r?\n/

/**
 * The heading where it is the first line and plain, as it is most often, so that no parser need read it.
 * @param markdown may be only the beginning of a text
 */
export function headingAtOnce(markdown: string): string | undefined {
  return PLAIN_ATX.exec(markdown)?.[1]?.replace(/(?:^|[ \t])#*[ \t]*$/, '')
}

/** What the reference parser keeps to itself. */
interface Inner {
  doc: Node
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
