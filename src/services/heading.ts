import { type Node, Parser } from 'commonmark'

// A level-1 heading at the top level has such a line, so most texts need no parser.
const CANDIDATE = /^ {0,3}(?:#(?:[ \t]|$)|=+[ \t]*$)/gm

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
  const lastLine = lastCandidate(text)
  if (lastLine === 0) return undefined
  let heading: Heading | undefined
  // The reference parser, but for that it reads the inline markup of nothing but the heading that is asked for, and no line
  // behind that (unless what stands there can be a reference that it makes) or behind where one can be.
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
  parser.parse(text)
  return heading && plainText(heading)
}

/** The line of the last candidate, counted from 1; 0 where there is none. */
function lastCandidate(text: string): number {
  const fences = plainFences(text)
  let last = -1
  for (const { index } of text.matchAll(CANDIDATE))
    if (!fences.some(({ start, end }) => index > start && index < end)) last = index
  return last === -1 ? 0 : text.slice(0, last).split('\n').length
}

/** What makes it hard to say without a parser where a fenced block begins. */
const HARD = /~~~|^ {0,3}<|[^\n]```/m
const FENCE = /^```([^`\n]*)$/gm

/** Fenced blocks at the top level, where there are no others; none where that is hard to say. */
function plainFences(text: string): { start: number; end: number }[] {
  if (!text.includes('```') || HARD.test(text)) return []
  const marks = [...text.matchAll(FENCE)]
  if (marks.length !== text.match(/^```/gm)?.length) return []
  const fences: { start: number; end: number }[] = []
  let start: number | undefined
  for (const { index, 1: info = '' } of marks) {
    if (start === undefined) start = index
    else if (info.trim() === '') {
      fences.push({ start, end: index })
      start = undefined
    }
  }
  return start === undefined ? fences : [...fences, { start, end: text.length }]
}

/** A first line `# words`, without anything that could be inline markup, and whole. */
const PLAIN_ATX = /^(?:[ \t]*\r?\n)* {0,3}#[ \t]((?:[^\\`*_[\]<&\r\n\0]|&(?![#\w])){0,1000})\r?\n/

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
