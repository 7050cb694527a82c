import { Value } from '@sinclair/typebox/value'
import type { Entry } from '../schemas/entry.js'
import { type BaseCount, Manifest, ManifestHead } from '../schemas/manifest.js'
import { isMoment, parseDate } from './date.js'
import { digestOf, digestWithPauses } from './etag.js'
import {
  closeBraces,
  encodeHead,
  encodeManifest,
  type ListingFacts,
  openBraces,
  RULES_VERSION,
  SEAL_LINE_BYTES,
  type Snapshot,
  sealLine
} from './manifest.js'
import { compareEntries } from './order.js'
import { noRows } from './rows.js'
import { inSlices, runThrough } from './slices.js'
import { layoutState } from './state.js'
import { NO_STAMP, type Tracked, track } from './tracked.js'

/** A manifest with any of these was written by this program, and perhaps anew by another one. */
const OWN_KEYS = ['rules', 'listingBytes', 'stamps', 'seal']

const HEAD_LIMIT = 1 << 20
/** A manifest of another program is parsed whole: bytes that are taken at most, some 150 000 reports. */
const FOREIGN_LIMIT = 32 << 20

/** A manifest that was opened: its snapshot, and what the builder reads behind it. */
export interface OpenedManifest {
  snapshot: Snapshot
  /** Empty where the manifest was made by other rules, or carries no state. */
  state: Buffer
  /** Whether it is laid out as this program does it. */
  isOwnLayout: boolean
}

/**
 * Opens a manifest after checking it against its digests. One of another layout, which another program made or wrote anew,
 * is checked against its schema, its count and the digest of its entries as this program writes them.
 * @param bytes is taken over and changed
 * @returns undefined where it cannot be trusted, for whatever reason
 */
export function openManifest(bytes: Buffer): OpenedManifest | undefined {
  const own = layoutSafely(bytes)
  try {
    return own ? runThrough(checked(own)) : openForeign(bytes)
  } catch {
    return undefined // whatever a stranger's bytes can do to a parser
  }
}

/** From so many bytes on opening takes so long that others should not wait for it. */
const LARGE_BYTES = 1 << 20

/** The same, in slices between which others are answered. */
export async function openManifestSoon(bytes: Buffer): Promise<OpenedManifest | undefined> {
  const own = bytes.length < LARGE_BYTES ? undefined : layoutSafely(bytes)
  return own ? await inSlices(checked(own)) : openManifest(bytes)
}

function layoutSafely(bytes: Buffer): Layout | undefined {
  try {
    return layoutOf(bytes)
  } catch {
    return undefined
  }
}

/** What a manifest of our own layout says of itself, before any of it is trusted. */
interface Layout {
  head: ManifestHead & { rules?: unknown }
  /** The listing with its braces. */
  body: Buffer
  state: Buffer
  /** What the seal is to be the digest of, and what it says. */
  sealed: Buffer[]
  seal: string
}

/** @param bytes its listing has its braces afterwards */
function layoutOf(bytes: Buffer): Layout | undefined {
  const start = bytes.subarray(0, HEAD_LIMIT).indexOf('\n')
  const head = parse(`${bytes.toString('utf8', 0, Math.max(0, start - 1))}}`) as
    | (ManifestHead & { rules?: unknown; listingBytes?: unknown })
    | undefined
  if (start < 1 || bytes[start - 1] !== 0x2c || !head || !Value.Check(ManifestHead, head)) return undefined
  if (!isMoment(head.generatedAt)) return undefined
  const end = start + Number(head.listingBytes)
  const close = bytes.lastIndexOf('}')
  const seal = close + 2 - SEAL_LINE_BYTES
  if (!/^\s*$/.test(bytes.toString('latin1', close + 1))) return undefined
  if (!(end > start + 2 && end <= seal) || bytes[end - 2] !== 0x2c || bytes[end - 1] !== 0x0a)
    return undefined
  const body = bytes.subarray(start, end)
  const state = bytes.subarray(end, seal)
  openBraces(body)
  return {
    head,
    body,
    state,
    sealed: [bytes.subarray(0, start), state],
    seal: `${bytes.toString('latin1', seal).trimEnd()}\n`
  }
}

function* checked({ head, body, state, sealed, seal }: Layout): Generator<void, OpenedManifest | undefined> {
  const { etag, generatedAt, bases, settings } = head
  const count = countIn(body)
  const isWhole =
    count !== undefined &&
    seal === sealLine(yield* digestWithPauses(...sealed)) &&
    etag === (yield* digestWithPauses(body)) &&
    count + 2 === (yield* linesIn(body))
  if (!isWhole) {
    closeBraces(body)
    return undefined
  }
  const told = { body, etag, generatedAt, count }
  if (head.rules === RULES_VERSION)
    return { snapshot: { ...told, bases, ...(settings && { settings }) }, state, isOwnLayout: true }
  return { snapshot: { ...told, bases: bases.map(plainCount) }, state: Buffer.alloc(0), isOwnLayout: true }
}

type Counted = Pick<BaseCount, 'name' | 'count' | 'seen'> & { held?: number | undefined }

/** What other rules told of a base, but for where it lay: that may have meant something else. */
function plainCount({ name, count, seen, held }: Counted): BaseCount {
  return { name, count, ...(seen !== undefined && { seen }), ...(held !== undefined && { held }) }
}

const COUNTED_AT_ONCE = 1000

function* linesIn(bytes: Buffer): Generator<void, number> {
  let lines = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1))
    if (++lines % COUNTED_AT_ONCE === 0) yield
  return lines
}

function countIn(body: Buffer): number | undefined {
  const count = /^\{"total":(\d+),"count":\1,"reports":\[\n/.exec(body.toString('latin1', 0, 80))?.[1]
  return count === undefined ? undefined : Number(count)
}

function openForeign(bytes: Buffer): OpenedManifest | undefined {
  if (bytes.length > FOREIGN_LIMIT) return undefined
  const manifest = parse(textOf(bytes))
  if (!Value.Check(Manifest, manifest) || manifest.count !== manifest.reports.length) return undefined
  if (!isMoment(manifest.generatedAt) || !isListing(manifest.reports)) return undefined
  const entries = manifest.reports.map(trackUnknown)
  const { bases, generatedAt, settings } = manifest
  const { facts, snapshot } = encodeManifest(entries, bases, noRows, () => generatedAt, settings)
  if (facts.etag !== manifest.etag) return undefined
  const isOurs = OWN_KEYS.some((key) => Object.hasOwn(manifest, key))
  const state = isOurs ? sealedState(manifest, facts, snapshot().body.length) : Buffer.alloc(0)
  if (state) return { snapshot: snapshot(), state, isOwnLayout: false }
  // What its head says besides was changed, or says more than is known here: only what the entries tell is taken.
  const { settings: _settings, ...told } = snapshot()
  const counted = countsIn(bases, manifest.reports)
  return { snapshot: { ...told, bases: counted }, state: Buffer.alloc(0), isOwnLayout: false }
}

/** The state of a manifest that was written anew without changing a word, as its seal tells; else undefined. */
function sealedState(manifest: Manifest, facts: ListingFacts, listingBytes: number): Buffer | undefined {
  const { rules, stamps, warnings, held, seal } = manifest as unknown as Record<string, unknown>
  if (rules !== RULES_VERSION || typeof stamps !== 'string') return undefined
  const state = Buffer.from(layoutState(stamps, JSON.stringify(warnings), JSON.stringify(held)))
  const head = Buffer.from(encodeHead(facts, listingBytes))
  return seal === digestOf(head, state) ? state : undefined
}

function countsIn(bases: readonly BaseCount[], reports: readonly Entry[]): BaseCount[] {
  const counts = new Map(bases.map(({ name }) => [name, 0]))
  for (const { base } of reports) counts.set(base, (counts.get(base) ?? 0) + 1)
  // That some were held can only make a build more careful.
  const held = new Map(bases.map((base) => [base.name, base.held]))
  return [...counts].map(([name, count]) =>
    plainCount({ name, count, held: held.get(name), ...(count > 0 && { seen: true }) })
  )
}

/** Tracks an entry of which no stamp is known, in the order of keys that this program writes. */
export function trackUnknown({ base, rel, title, date, type, mtime, size }: Entry): Tracked {
  return track({ base, rel, title, date, type, mtime, size }, NO_STAMP, true)
}

/** The text of a file that any program may have written: some put a byte-order mark before it. */
export function textOf(bytes: Buffer): string {
  return new TextDecoder().decode(bytes)
}

/** Whether these are entries in the listing's order, each report once, that pages can lead through. */
function isListing(entries: readonly Entry[]): boolean {
  const names = new Set(entries.map(({ base, rel }) => `${base}\0${rel}`))
  return (
    names.size === entries.length &&
    entries.every(
      (entry, index) =>
        isServable(entry) && (index === 0 || compareEntries(entries[index - 1] as Entry, entry) < 0)
    )
  )
}

/** Whether an entry's values are such that they can be compared, linked and shown. */
export function isServable({ date, mtime, rel }: Entry): boolean {
  return parseDate(date) === date && isMoment(mtime) && rel.isWellFormed() && !rel.includes('\0')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
