import { isMoment, parseDate } from './date.js'
import { digestOf } from './etag.js'
import type { Position } from './order.js'

/** Where a page ended: of which listing, asked with which filter, behind which entry. */
export interface Cursor {
  /** The listing's digest. */
  etag: string
  /** The start of the filter's digest. */
  filter: string
  after: Position
}

const SEPARATOR = '\0'

/** What of a filter stands in a cursor: enough to tell that another one is meant. */
export function filterMark(key: string | undefined): string {
  return digestOf(key ?? '').slice(0, 16)
}

/** A cursor as it is handed out: opaque, and the same for the same page, whoever gives it. */
export function encodeCursor({ etag, filter, after }: Cursor): string {
  const parts = [etag, filter, after.date, after.mtime, after.base, after.rel]
  return Buffer.from(parts.join(SEPARATOR)).toString('base64url')
}

/** @returns undefined for what is no cursor of ours */
export function decodeCursor(text: string): Cursor | undefined {
  const parts = Buffer.from(text, 'base64url').toString('utf8').split(SEPARATOR)
  if (parts.length !== 6) return undefined
  const [etag, filter, date, mtime, base, rel] = parts as [string, string, string, string, string, string]
  const cursor = { etag, filter, after: { date, mtime, base, rel } }
  const isWhole = /^[0-9a-f]{64}$/.test(etag) && parseDate(date) === date && isMoment(mtime) && rel
  return isWhole && encodeCursor(cursor) === text ? cursor : undefined
}
