import { Answer } from './answer.js'
import { encodeCursor } from './cursor.js'
import { NoListing } from './errors.js'
import { digestOf } from './etag.js'
import {
  CLOSE_LISTING,
  entryBytes,
  firstLine,
  lastLineEnd,
  lineEnd,
  openListing,
  parseEntry
} from './lines.js'
import type { Snapshot } from './manifest.js'
import { compareEntries, type Position } from './order.js'

/**
 * A page of a whole listing, cut out of its bytes: no more of it is read than the page, and what it takes to find it.
 * @param after where the page before ended
 * @param mark what tells the filter in a cursor
 * @throws NoListing where the manifest holds no entries
 */
export function pageOf(
  { body, count: total, etag }: Snapshot,
  limit: number,
  after: Position | undefined,
  mark: string
): Answer {
  const start = after ? lineBehind(body, after) : firstLine(body)
  const close = lastLineEnd(body)
  let count = 0
  let end = start
  let last = start
  for (; count < limit && end < close; count++) {
    last = end
    end = lineEnd(body, end)
  }
  const next = end < close ? encodeCursor({ etag, filter: mark, after: entryAt(body, last) }) : undefined
  const lines = count === 0 ? [] : [entryBytes(body, start, end), Buffer.from('\n')]
  const page = Buffer.concat([
    Buffer.from(openListing(total, count, next)),
    ...lines,
    Buffer.from(CLOSE_LISTING)
  ])
  return new Answer(page, digestOf(page))
}

/** Where the first line begins that stands behind a position: found by halves of the bytes. */
function lineBehind(body: Buffer, after: Position): number {
  let low = firstLine(body)
  let high = lastLineEnd(body)
  while (low < high) {
    const middle = body.lastIndexOf(LINE_END, ((low + high) >>> 1) - 1) + 1
    const line = Math.max(low, middle)
    if (compareEntries(entryAt(body, line), after) > 0) high = line
    else low = lineEnd(body, line)
  }
  return low
}

const LINE_END = 0x0a

function entryAt(body: Buffer, start: number): Position {
  try {
    return parseEntry(entryBytes(body, start, lineEnd(body, start)).toString('utf8'))
  } catch (cause) {
    throw new NoListing('the manifest holds what is no entry', { cause })
  }
}
