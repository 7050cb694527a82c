import { YamlError } from './errors.js'
import { parser } from './parsers.js'
import { readPlainBlock } from './plain-block.js'

const KEYS = ['title', 'date', 'type'] as const

/** The keys of a front matter that an entry is made of, as text; and what does not parse. */
export interface FrontMatter {
  title?: string
  date?: string
  type?: string
  /** `line` counts from 1, in the file. */
  error?: { line: number; message: string }
}

/**
 * Splits a text into its front matter and the rest.
 * @returns the front matter's keys (none where there is no front matter) and where the body begins
 */
export function splitFrontMatter(text: string): { matter: FrontMatter; body: number } {
  const opening = OPENING.exec(text)
  const closing = opening && closingLine(text, opening[0].length)
  if (!opening || !closing) return { matter: {}, body: 0 }
  return { matter: readBlock(text.slice(opening[0].length, closing.start)), body: closing.end }
}

/** Whether front matter has begun, and may end, behind what is seen of a text. */
export function isFrontMatterCut(part: string): boolean {
  if (!part.startsWith('---')) return false
  const opening = OPENING.exec(part)
  const closing = opening && closingLine(part, opening[0].length)
  return opening ? !closing || closing.end === part.length : !part.includes('\n')
}

const OPENING = /^---[ \t]*\r?\n/

/** The next line that is `---` and blanks; its start and the end of its line end. */
function closingLine(text: string, from: number): { start: number; end: number } | undefined {
  const marker = /---[ \t]*(?:\r?\n|$)/y
  for (let start = from; start !== 0; start = text.indexOf('\n---', start) + 1) {
    marker.lastIndex = start
    if (marker.test(text)) return { start, end: marker.lastIndex }
  }
  return undefined
}

function readBlock(block: string): FrontMatter {
  const plain = readPlainBlock(block, KEYS)
  if (plain) return Object.fromEntries(plain)
  try {
    return parser('yaml').parseBlock(block, KEYS)
  } catch (error) {
    if (!(error instanceof YamlError)) throw error
    const line = 2 + (block.slice(0, error.offset).match(/\n/g)?.length ?? 0)
    return { error: { line, message: error.message } }
  }
}
