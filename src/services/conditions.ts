import parseRange from 'range-parser'
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
  /** With its quotes; weak where the file was written so lately that the tag may not tell two states apart. */
  etag: string
  /** Milliseconds since 1970. */
  mtimeMs: number
}

/** What a request is answered with by its preconditions (RFC 9110, 13.2.2). */
export function verdictOn(asked: Conditions, { etag, mtimeMs }: Validators): 'send' | 'same' | 'failed' {
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
  return modified !== undefined && !isWeak && seconds <= modified ? 'same' : 'send'
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
  { etag, mtimeMs }: Validators
): Part | 'unsatisfiable' | undefined {
  const { range, 'if-range': condition } = asked
  if (range === undefined || !isSame(condition, etag, mtimeMs)) return undefined
  const parts = parseRange(size, range)
  if (parts === -1) return 'unsatisfiable'
  if (parts === -2 || parts.type !== 'bytes' || parts.length !== 1) return undefined
  const [{ start, end }] = parts as unknown as [Part]
  return { start, end: end + 1 }
}

/** A tag has to be strong here, and a date exact. */
function isSame(condition: string | string[] | undefined, etag: string, mtimeMs: number): boolean {
  if (condition === undefined) return true
  const said = String(condition).trim()
  if (etag.startsWith('W/')) return false
  return said === etag || dateIn(said) === Math.floor(mtimeMs / 1000) * 1000
}

function strongTags(list: string): string[] {
  return [...list.matchAll(/(?:^|[\s,])("[^"]*")/g)].map(([, tag]) => tag as string)
}

/** Milliseconds since 1970; undefined where a header is no date of HTTP. */
function dateIn(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Z][a-z]{2},? .*\d{4}/.test(text)) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
