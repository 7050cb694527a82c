import { type BaseCount, type ListingSettings, MANIFEST_VERSION } from '../schemas/manifest.js'
import { digestOf } from './etag.js'
import { CLOSE_LISTING, openListing } from './lines.js'
import { Rows } from './rows.js'
import { encodeState } from './state.js'
import type { Tracked } from './tracked.js'

/*
 * The file, one entry a line:
 *
 *   {"version":1,"etag":…,"generatedAt":…,"bases":[…],"settings":…,"rules":…,"listingBytes":L,  head
 *   "total":N,"count":N,"reports":[                                                             listing
 *   {entry},                                                                                    listing
 *   {entry}                                                                                     listing
 *   ],                                                                                          listing
 *   "stamps":"…",                                                                               state
 *   "warnings":[…],                                                                             state
 *   "held":[…],                                                                                 state
 *   "seal":"…"}
 *
 * With the line end before "total" read as "{" and the comma behind the listing read as "}", the listing's bytes are
 * the answer to `GET /reports-index`: `etag` is their SHA-256. `seal` is the SHA-256 of all other bytes before it.
 */

/** Grows when entries of unchanged files would come out otherwise, or the state is laid out otherwise: they are read again. */
export const RULES_VERSION = 3

/** What is known of a listing beside its bytes. */
export interface ListingFacts {
  /** SHA-256 of the body, hex. */
  etag: string
  /** When this listing was first written. */
  generatedAt: string
  count: number
  bases: BaseCount[]
  /** The settings that shaped it, as digests by name; absent where it does not tell. */
  settings?: ListingSettings | undefined
}

/** One frozen listing: the bytes of the whole answer and what is known of them. */
export interface Snapshot extends ListingFacts {
  /** The answer to `GET /reports-index` without parameters, UTF-8. */
  body: Buffer
}

/** A manifest ready to be written, and the same listing for who goes on from it. */
export interface EncodedManifest {
  bytes: Buffer
  facts: ListingFacts
  rows: Rows
  /** The same listing with bytes of its own. */
  snapshot(): Snapshot
}

/**
 * Lays out a manifest.
 * @param reports in the listing's order
 * @param before the listing that holds the lines of those that are not new
 * @param generatedAt given the listing's digest, since an unchanged listing keeps its moment
 */
export function encodeManifest(
  reports: readonly Tracked[],
  bases: BaseCount[],
  before: Rows,
  generatedAt: (etag: string) => string,
  settings?: ListingSettings
): EncodedManifest {
  const count = reports.length
  const state = Buffer.from(encodeState(reports))
  const open = openListing(count, count).replace('{', '\n')
  const linesBytes = bytesOfLines(reports, before)
  const listingBytes = open.length + linesBytes + CLOSED.length
  const head = (etag: string, moment: string) =>
    Buffer.from(encodeHead({ etag, generatedAt: moment, count, bases, settings }, listingBytes))
  const start = head('0'.repeat(64), NO_MOMENT).length
  const end = start + listingBytes
  const bytes = Buffer.allocUnsafe(end + state.length + SEAL_LINE_BYTES)
  bytes.write(open, start, 'latin1')
  const starts = writeLines(bytes, start + open.length, reports, before)
  bytes.write(CLOSED, end - CLOSED.length, 'latin1')
  bytes.set(state, end)
  const etag = digestOf('{', bytes.subarray(start + 1, end - 2), CLOSE_LISTING.slice(-2))
  const facts: ListingFacts = {
    etag,
    generatedAt: generatedAt(etag),
    count,
    bases,
    ...(settings && { settings })
  }
  bytes.set(head(etag, facts.generatedAt), 0)
  bytes.write(sealLine(digestOf(bytes.subarray(0, start), state)), end + state.length, 'latin1')
  const rows = new Rows(bytes, starts)
  return { bytes, facts, rows, snapshot: () => snapshotOf(facts, rows) }
}

/** A listing with bytes of its own. */
export function snapshotOf(facts: ListingFacts, rows: Rows): Snapshot {
  const { count } = facts
  const lines = count === 0 ? [] : [rows.lines(0, count), Buffer.from('\n')]
  return {
    ...facts,
    body: Buffer.concat([Buffer.from(openListing(count, count)), ...lines, Buffer.from(CLOSE_LISTING)])
  }
}

const NO_MOMENT = new Date(0).toISOString()
/** The listing's last line as it stands in the file. */
const CLOSED = CLOSE_LISTING.replace('}', ',')

/** The head, up to the comma before the listing. */
export function encodeHead(
  { etag, generatedAt, bases, settings }: ListingFacts,
  listingBytes: number
): string {
  const head = {
    version: MANIFEST_VERSION,
    etag,
    generatedAt,
    bases,
    ...(settings && { settings }),
    rules: RULES_VERSION,
    listingBytes
  }
  return `${JSON.stringify(head).slice(0, -1)},`
}

/** Lines have a comma and a line end between them, and a line end behind the last. */
const BETWEEN = ',\n'

function bytesOfLines(reports: readonly Tracked[], before: Rows): number {
  let bytes = reports.length === 0 ? 0 : reports.length * BETWEEN.length - 1
  for (const { made, row } of reports) bytes += made ? Buffer.byteLength(made.line) : before.lengthOf(row)
  return bytes
}

/** Writes all lines; returns where each begins, and where the last one's line end is behind. */
function writeLines(bytes: Buffer, from: number, reports: readonly Tracked[], before: Rows): Uint32Array {
  const starts = new Uint32Array(reports.length + 1)
  let at = from
  for (let i = 0; i < reports.length; ) {
    const { made, row } = reports[i] as Tracked
    let next = i + 1
    if (made) {
      starts[i] = at
      at += bytes.write(made.line, at)
    } else {
      // Lines that stood one behind the other are copied at once.
      while (isRow(reports[next], row + next - i)) next++
      for (let k = i; k < next; k++) starts[k] = at + before.offset(row + k - i, row)
      const lines = before.lines(row, row + next - i)
      bytes.set(lines, at)
      at += lines.length
    }
    i = next
    at += bytes.write(i < reports.length ? BETWEEN : '\n', at, 'latin1')
  }
  starts[reports.length] = at
  return starts
}

function isRow(tracked: Tracked | undefined, row: number): boolean {
  return tracked !== undefined && tracked.made === undefined && tracked.row === row
}

export const SEAL_LINE_BYTES = '"seal":"'.length + 64 + '"}\n'.length

/** @param seal the digest of all that it seals */
export function sealLine(seal: string): string {
  return `"seal":"${seal}"}\n`
}

/** Reads the line end before a listing as "{" and the comma behind it as "}". */
export function openBraces(listing: Buffer): void {
  listing[0] = 0x7b
  listing[listing.length - 2] = 0x7d
}

/** The other way round. */
export function closeBraces(listing: Buffer): void {
  listing[0] = 0x0a
  listing[listing.length - 2] = 0x2c
}
