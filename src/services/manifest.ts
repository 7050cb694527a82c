import { Value } from '@sinclair/typebox/value'
import type { Entry, Warning } from '../schemas/entry.js'
import { type BaseCount, MANIFEST_VERSION, Manifest, ManifestHead } from '../schemas/manifest.js'
import { isMoment, parseDate } from './date.js'
import { digestOf } from './etag.js'
import { CLOSE_LISTING, openListing } from './lines.js'
import { compareEntries } from './order.js'
import { type Tracked, track } from './tracked.js'

/*
 * The file, one entry a line:
 *
 *   {"version":1,"etag":…,"generatedAt":…,"bases":[…],"rules":…,"listingBytes":L,               head
 *   "total":N,"count":N,"reports":[                                                             listing
 *   {entry},                                                                                    listing
 *   {entry}                                                                                     listing
 *   ],                                                                                          listing
 *   "files":[                                                                                   state
 *   ["stamp",recheck,[warning…]],                                                               state
 *   ["stamp",recheck]                                                                           state
 *   ],
 *   "seal":"…"}
 *
 * With the line end before "total" read as "{" and the comma behind the listing read as "}", the listing's bytes are
 * the answer to `GET /reports-index`: `etag` is their SHA-256. `seal` is the SHA-256 of all other bytes before it.
 */

/** Grows when entries of unchanged files would come out otherwise: they are read again then. */
const RULES_VERSION = 1

/** A manifest with any of these is our own, and has to be whole. */
const OWN_KEYS = ['rules', 'listingBytes', 'files', 'seal']

const HEAD_LIMIT = 1 << 20
/** A manifest of another program is parsed whole: bytes that are taken at most, some 150 000 reports. */
const FOREIGN_LIMIT = 32 << 20
const SEAL_LINE_BYTES = '"seal":"'.length + 64 + '"}\n'.length

/** One frozen listing: the bytes of the whole answer and what is known of them. */
export interface Snapshot {
  /** The answer to `GET /reports-index` without parameters, UTF-8. */
  body: Buffer
  /** SHA-256 of the body, hex. */
  etag: string
  /** When this listing was first written. */
  generatedAt: string
  count: number
  bases: BaseCount[]
}

/** A manifest that was opened: its snapshot, and what the builder reads behind it. */
export interface OpenedManifest {
  snapshot: Snapshot
  /** Empty where the manifest was made by other rules, or carries no state. */
  state: Buffer
}

/** A manifest ready to be written, and the same listing as a snapshot. */
export interface EncodedManifest {
  bytes: Buffer
  snapshot: Snapshot
}

/**
 * Lays out a manifest.
 * @param entries in the listing's order
 * @param generatedAt given the listing's digest, since an unchanged listing keeps its moment
 */
export function encodeManifest(
  entries: readonly Tracked[],
  bases: Snapshot['bases'],
  generatedAt: (etag: string) => string
): EncodedManifest {
  const count = entries.length
  const lines = entries.map(({ line }) => line).join(',\n')
  const body = Buffer.from(`${openListing(count, count)}${lines}${count ? '\n' : ''}${CLOSE_LISTING}`)
  const listing = Buffer.from(body)
  closeBraces(listing)
  const etag = digestOf(body)
  const snapshot: Snapshot = { body, etag, generatedAt: generatedAt(etag), count, bases }
  const state = Buffer.from(`"files":[\n${entries.map(stateLine).join(',\n')}${count ? '\n' : ''}],\n`)
  const head = Buffer.from(encodeHead(snapshot))
  const seal = Buffer.from(`"seal":"${digestOf(head, state)}"}\n`)
  return { bytes: Buffer.concat([head, listing, state, seal]), snapshot }
}

function encodeHead({ etag, generatedAt, bases, body }: Snapshot): string {
  const head = { version: MANIFEST_VERSION, etag, generatedAt, bases }
  return `${JSON.stringify({ ...head, rules: RULES_VERSION, listingBytes: body.length }).slice(0, -1)},`
}

function stateLine({ stamp, recheck, warnings }: Tracked): string {
  const told = warnings.map(({ code, line, message }) => ({ code, line, message }))
  return JSON.stringify(told.length ? [stamp, recheck ? 1 : 0, told] : [stamp, recheck ? 1 : 0])
}

/** Reads the line end before a listing as "{" and the comma behind it as "}". */
function openBraces(listing: Buffer): void {
  listing[0] = 0x7b
  listing[listing.length - 2] = 0x7d
}

/** The other way round. */
function closeBraces(listing: Buffer): void {
  listing[0] = 0x0a
  listing[listing.length - 2] = 0x2c
}

/**
 * Opens a manifest after checking it against its digests; one that another program made is checked against its schema,
 * count and digest.
 * @param bytes is taken over and changed
 * @returns undefined where it can not be trusted, for whatever reason
 */
export function openManifest(bytes: Buffer): OpenedManifest | undefined {
  try {
    return openOwn(bytes) ?? openForeign(bytes)
  } catch {
    return undefined // whatever a stranger's bytes can do to a parser
  }
}

function openOwn(bytes: Buffer): OpenedManifest | undefined {
  const start = bytes.subarray(0, HEAD_LIMIT).indexOf('\n')
  const head = parse(`${bytes.toString('utf8', 0, Math.max(0, start - 1))}}`) as
    | (ManifestHead & { rules?: unknown; listingBytes?: unknown })
    | undefined
  if (start < 1 || bytes[start - 1] !== 0x2c || !head || !Value.Check(ManifestHead, head)) return undefined
  if (!isMoment(head.generatedAt)) return undefined
  const end = start + Number(head.listingBytes)
  const seal = bytes.length - SEAL_LINE_BYTES
  if (!(end > start + 2 && end <= seal) || bytes[end - 2] !== 0x2c || bytes[end - 1] !== 0x0a)
    return undefined
  const sealed = digestOf(bytes.subarray(0, start), bytes.subarray(end, seal))
  if (bytes.toString('latin1', seal) !== `"seal":"${sealed}"}\n`) return undefined
  const body = bytes.subarray(start, end)
  openBraces(body)
  const count = countIn(body)
  if (digestOf(body) !== head.etag || count === undefined || linesIn(body) !== count + 2) {
    closeBraces(body)
    return undefined
  }
  const { etag, generatedAt, bases } = head
  return {
    snapshot: { body, etag, generatedAt, count, bases },
    state: head.rules === RULES_VERSION ? bytes.subarray(end, seal) : Buffer.alloc(0)
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) lines++
  return lines
}

function countIn(body: Buffer): number | undefined {
  const count = /^\{"total":(\d+),"count":\1,"reports":\[\n/.exec(body.toString('latin1', 0, 80))?.[1]
  return count === undefined ? undefined : Number(count)
}

function openForeign(bytes: Buffer): OpenedManifest | undefined {
  if (bytes.length > FOREIGN_LIMIT || !/^\s*\{/.test(bytes.toString('latin1', 0, 80))) return undefined
  const manifest = parse(bytes.toString('utf8'))
  if (OWN_KEYS.some((key) => Object.hasOwn(manifest ?? {}, key))) return undefined
  if (!Value.Check(Manifest, manifest) || manifest.count !== manifest.reports.length) return undefined
  if (!isMoment(manifest.generatedAt) || !isListing(manifest.reports)) return undefined
  const entries = manifest.reports.map((entry) => track(entry, '', true, []))
  const { snapshot } = encodeManifest(entries, manifest.bases, () => manifest.generatedAt)
  return snapshot.etag === manifest.etag ? { snapshot, state: Buffer.alloc(0) } : undefined
}

/** Whether these are entries in the listing's order, each report once, that pages can lead through. */
function isListing(entries: readonly Entry[]): boolean {
  const names = new Set(entries.map(({ base, rel }) => `${base}\0${rel}`))
  return (
    names.size === entries.length &&
    entries.every(
      (entry, index) =>
        parseDate(entry.date) === entry.date &&
        isMoment(entry.mtime) &&
        entry.rel.isWellFormed() &&
        !entry.rel.includes('\0') &&
        (index === 0 || compareEntries(entries[index - 1] as Entry, entry) < 0)
    )
  )
}

/** The tracked entries of an opened manifest, in the listing's order; without stamps where it carries no state. */
export function trackedIn({ snapshot, state }: OpenedManifest): Tracked[] {
  const stamps = linesOf(state)
  return linesOf(snapshot.body).map((line, index) => {
    const entry = JSON.parse(line)
    const stamp = stamps[index]
    const [known = '', recheck = 1, told = []] = stamp === undefined ? [] : JSON.parse(stamp)
    const warnings = told.map((warning: Warning) => ({ ...warning, base: entry.base, rel: entry.rel }))
    return { entry, line, stamp: known, recheck: recheck === 1, warnings }
  })
}

/** The lines between the first and the last, without their commas. */
function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8').split('\n').slice(1, -2)
  return lines.map((line) => (line.endsWith(',') ? line.slice(0, -1) : line))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
