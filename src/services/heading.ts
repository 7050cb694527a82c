import { parser } from './parsers.js'

// A level-1 heading at the top level has such a line, so most texts need no parser.
const CANDIDATE = /(?<![^\n]) {0,3}(?:#(?:[ \t]|(?=\n|$))|=+[ \t]*(?=\n|$))/g

/**
 * The text of the first level-1 heading that stands at the top level, as CommonMark reads it: inline markup reduced
 * to text, images to their alt text.
 * @returns undefined where there is none; an empty heading gives an empty text
 */
export function firstHeading(markdown: string): string | undefined {
  const atOnce = headingAtOnce(markdown)
  if (atOnce !== undefined) return atOnce
  // The parser is quadratic in long runs of blanks, which mean no more than shorter ones.
  const text = withLineEnds(markdown).replace(/[ \t]{256,}/g, ' '.repeat(256))
  const lastLine = lastCandidate(text)
  return lastLine === 0 ? undefined : parser('markdown').parseHeading(text, lastLine)
}

/** The text with line ends of one kind: CommonMark knows three, and none but these. */
function withLineEnds(markdown: string): string {
  return markdown.includes('\r') ? markdown.replace(/\r\n?/g, '\n') : markdown
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
const HARD = /~~~|(?<![^\n]) {0,3}<|[^\n]```/
const FENCE = /(?<![^\n])```([^`\n]*)(?=\n|$)/g

/** Fenced blocks at the top level, where there are no others; none where that is hard to say. */
function plainFences(text: string): { start: number; end: number }[] {
  if (!text.includes('```') || HARD.test(text)) return []
  const marks = [...text.matchAll(FENCE)]
  if (marks.length !== text.match(/(?<![^\n])```/g)?.length) return []
  const fences: { start: number; end: number }[] = []
  let start: number | undefined
  for (const { index, 1: info = '' } of marks) {
    if (start === undefined) start = index
    else if (/^[ \t]*$/.test(info)) {
      fences.push({ start, end: index })
      start = undefined
    }
  }
  return start === undefined ? fences : [...fences, { start, end: text.length }]
}

/** A line `# words`, without anything that could be inline markup, and whole. */
const PLAIN_ATX = /#[ \t]((?:[^\\`*_[\]<&\n\0]|&(?![#\w])){0,1000})\n/y
const MOST_TRIED = 4

/**
 * The heading where it is plain and in the first column, and nothing before it but plain text and fenced blocks, as it is
 * most often, so that no parser need read it: a list or quote does not reach that far, and a paragraph ends there.
 * @param markdown may be only the beginning of a text
 */
export function headingAtOnce(markdown: string): string | undefined {
  const text = withLineEnds(markdown)
  let tried = 0
  for (const { index } of text.matchAll(CANDIDATE)) {
    const place = placeBehind(text.slice(0, index))
    if (place === 'hard' || ++tried > MOST_TRIED) return undefined
    if (place === 'fence') continue
    PLAIN_ATX.lastIndex = index
    return PLAIN_ATX.exec(text)?.[1]?.replace(/(?:^|[ \t])#*[ \t]*$/, '')
  }
  return undefined
}

/** Whether what comes next stands in a fenced block. */
function placeBehind(text: string): 'fence' | 'open' | 'hard' {
  if (!text.includes('```')) return HARD.test(text) ? 'hard' : 'open'
  const fences = plainFences(text)
  if (fences.length === 0) return 'hard'
  return fences.at(-1)?.end === text.length ? 'fence' : 'open'
}
