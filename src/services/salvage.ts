import { Value } from '@sinclair/typebox/value'
import { Entry } from '../schemas/entry.js'
import { encodeManifest } from './manifest.js'
import { isServable, textOf, trackUnknown } from './open-manifest.js'
import { noRows } from './rows.js'
import type { Tracked } from './tracked.js'

/** Entries of a manifest that cannot be taken as it is. */
export interface Salvaged {
  /** Known by no stamp, each report once. */
  entries: Tracked[]
  /** Whether they are what its digest says: then only its version, or its head, is not one that is known here. */
  isVerified: boolean
}

/** Nothing larger is parsed, in bytes: the longest text there is has some 512 Mi characters. */
const LIMIT = 500 << 20

/** Reads what can be read of a manifest that is damaged, cut short, or of another version; undefined where nothing can. */
export function salvage(bytes: Buffer): Salvaged | undefined {
  if (bytes.length > LIMIT) return undefined
  const text = textOf(bytes)
  const manifest = parse(text) as { etag?: unknown; reports?: unknown } | undefined
  const isWhole = typeof manifest === 'object' && manifest !== null && Array.isArray(manifest.reports)
  const found: unknown[] = isWhole ? (manifest.reports as unknown[]) : text.split('\n').map(entryIn)
  const entries = eachOnce(found.filter(isEntry)).map(trackUnknown)
  if (entries.length === 0) return undefined
  const isVerified = isWhole && entries.length === found.length && digestOfEntries(entries) === manifest.etag
  return { entries, isVerified }
}

/** One entry stands in a line. */
function entryIn(line: string): unknown {
  return line.startsWith('{"base":') ? parse(line.trimEnd().replace(/,$/, '')) : undefined
}

function isEntry(value: unknown): value is Entry {
  return Value.Check(Entry, value) && isServable(value)
}

function eachOnce(entries: readonly Entry[]): Entry[] {
  const names = new Map(entries.map((entry) => [`${entry.base}\0${entry.rel}`, entry]))
  return [...names.values()]
}

function digestOfEntries(entries: readonly Tracked[]): string {
  return encodeManifest(entries, [], noRows, () => '').facts.etag
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
