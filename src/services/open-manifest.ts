import { Value } from '@sinclair/typebox/value'
import type { Entry } from '../schemas/entry.js'
import { Manifest, ManifestHead } from '../schemas/manifest.js'
import { isMoment, parseDate } from './date.js'
import { digestWithPauses } from './etag.js'
import {
  closeBraces,
  encodeManifest,
  openBraces,
  RULES_VERSION,
  SEAL_LINE_BYTES,
  type Snapshot,
  sealLine
} from './manifest.js'
import { compareEntries } from './order.js'
import { noRows } from './rows.js'
import { inSlices, runThrough } from './slices.js'
import { NO_STAMP, track } from './tracked.js'

/** A manifest with any of these is our own, and has to be whole. */
const OWN_KEYS = ['rules', 'listingBytes', 'files', 'stamps', 'seal']

const HEAD_LIMIT = 1 << 20
/** A manifest of another program is parsed whole: bytes that are taken at most, some 150 000 reports. */
const FOREIGN_LIMIT = 32 << 20

/** A manifest that was opened: its snapshot, and what the builder reads behind it. */
export interface OpenedManifest {
  snapshot: Snapshot
  /** Empty where the manifest was made by other rules, or carries no state. */
  state: Buffer
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

/** From so many bytes on opening takes so long that others should not wait for it. */
const LARGE_BYTES = 1 << 20

/** The same, in slices between which others are answered. */
export async function openManifestSoon(bytes: Buffer): Promise<OpenedManifest | undefined> {
  const own = bytes.length < LARGE_BYTES ? undefined : layoutSafely(bytes)
  if (!own) return openManifest(bytes)
  return (await inSlices(checked(own))) ?? openManifest(bytes)
}

function openOwn(bytes: Buffer): OpenedManifest | undefined {
  const own = layoutOf(bytes)
  if (!own) return undefined
  return runThrough(checked(own))
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
  const seal = bytes.length - SEAL_LINE_BYTES
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
    seal: bytes.toString('latin1', seal)
  }
}

function* checked({ head, body, state, sealed, seal }: Layout): Generator<void, OpenedManifest | undefined> {
  const { etag, generatedAt, bases } = head
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
  return {
    snapshot: { body, etag, generatedAt, count, bases },
    state: head.rules === RULES_VERSION ? state : Buffer.alloc(0)
  }
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
  if (bytes.length > FOREIGN_LIMIT || !/^\s*\{/.test(bytes.toString('latin1', 0, 80))) return undefined
  const manifest = parse(bytes.toString('utf8'))
  if (OWN_KEYS.some((key) => Object.hasOwn(manifest ?? {}, key))) return undefined
  if (!Value.Check(Manifest, manifest) || manifest.count !== manifest.reports.length) return undefined
  if (!isMoment(manifest.generatedAt) || !isListing(manifest.reports)) return undefined
  const entries = manifest.reports.map((entry) => track(entry, NO_STAMP, true))
  const { facts, snapshot } = encodeManifest(entries, manifest.bases, noRows, () => manifest.generatedAt)
  return facts.etag === manifest.etag ? { snapshot: snapshot(), state: Buffer.alloc(0) } : undefined
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
