import { namesEtag } from './etag.js'

/** The headers of a request that make its answer depend on the state of what is asked for. */
export interface Conditions {
  'if-match'?: string | undefined
  'if-unmodified-since'?: string | undefined
  'if-none-match'?: string | undefined
  'if-modified-since'?: string | undefined
  'if-range'?: string | string[] | undefined
  range?: string | undefined
}

/** What tells one state of a file from another. */
export interface Validators {
  /** With its quotes; weak where it may not tell two states apart. */
  etag: string
  /** Whether the file was written so long ago that its time tells two states apart. */
  isSettled: boolean
  /** Milliseconds since 1970. */
  mtimeMs: number
}

/** What a request is answered with by its preconditions (RFC 9110, 13.2.2). */
export function verdictOn(
  asked: Conditions,
  { etag, isSettled, mtimeMs }: Validators
): 'send' | 'same' | 'failed' {
  const isWeak = etag.startsWith('W/')
  const strong = etag.replace('W/', '')
  const seconds = Math.floor(mtimeMs / 1000) * 1000
  const { 'if-match': match, 'if-none-match': noneMatch } = asked
  const unmodified = dateIn(asked['if-unmodified-since'])
  const modified = dateIn(asked['if-modified-since'])
  if (match !== undefined) {
    if (match.trim() !== '*' && (isWeak || !strongTags(match).includes(strong))) return 'failed'
  } else if (unmodified !== undefined && seconds > unmodified) return 'failed'
  if (noneMatch !== undefined) return namesEtag(noneMatch, strong) ? 'same' : 'send'
  // Two states can share a second.
  return modified !== undefined && isSettled && seconds <= modified ? 'same' : 'send'
}

/** A part of a file: from `start` up to `end`, in bytes. */
export interface Part {
  start: number
  end: number
}

/**
 * The part of a file that is asked for; undefined where it is to be sent whole: several parts at once are not told apart,
 * as RFC 9110 (14.2) allows.
 */
export function partOf(
  asked: Conditions,
  size: number,
  validators: Validators
): Part | 'unsatisfiable' | undefined {
  const { range, 'if-range': condition } = asked
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range ?? '') ?? []
  if (first + last === '' || !isSame(condition, validators)) return undefined
  const part =
    first === ''
      ? { start: Math.max(0, size - Number(last)), end: size }
      : { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) }
  if (last !== '' && first !== '' && Number(last) < Number(first)) return undefined
  return part.start < part.end ? part : 'unsatisfiable'
}

/** A tag has to be strong here, and a date exact. */
function isSame(condition: string | string[] | undefined, { etag, isSettled, mtimeMs }: Validators): boolean {
  if (condition === undefined) return true
  const said = String(condition).trim()
  if (said.startsWith('"')) return said === etag
  return isSettled && dateIn(said) === Math.floor(mtimeMs / 1000) * 1000
}

function strongTags(list: string): string[] {
  return [...list.matchAll(/(?:^|[\s,])("[^"]*")/g)].map(([, tag]) => tag as string)
}

/** Milliseconds since 1970; undefined where a header is no date of HTTP, in any of its three forms. */
function dateIn(text: string | undefined): number | undefined {
  if (text === undefined || !DATE.test(text)) return undefined
  const ms = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(ms) ? undefined : ms
}

const TIME = '\\d\\d:\\d\\d:\\d\\d'
const DATE = new RegExp(
  `^(?:\\w{3}, \\d\\d \\w{3} \\d{4} ${TIME} GMT|\\w{6,9}, \\d\\d-\\w{3}-\\d\\d ${TIME} GMT|\\w{3} \\w{3} [ \\d]\\d ${TIME} \\d{4})$`
)
