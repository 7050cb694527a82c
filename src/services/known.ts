import type { BaseCount, Status } from '../schemas/manifest.js'
import type { BaseFound } from './base-build.js'
import { digestOf } from './etag.js'
import { type OpenedManifest, type Snapshot, trackedIn } from './manifest.js'
import { type Select, selects } from './select.js'
import type { Trackeds } from './tracked.js'

/** What is known before a build begins. */
export interface Known {
  /** The stamp of the manifest that says so; undefined where it has to be written in any case. */
  stamp: string | undefined
  snapshot: Snapshot | undefined
  /** By base. */
  entries: Map<string, Trackeds>
  /** By base: what the manifest's head says. */
  bases: Map<string, BaseCount>
  status: Status | undefined
  /** The manifest gave no answer, so what it holds is not known. */
  late?: boolean
}

export const nothingKnown: Known = {
  stamp: undefined,
  snapshot: undefined,
  entries: new Map(),
  bases: new Map(),
  status: undefined
}

/** What a manifest and its companion tell of these bases; entries that the rules do not take any more are left out. */
export function knownFrom(
  opened: OpenedManifest,
  stamp: string | undefined,
  status: Status | undefined,
  names: readonly string[],
  select: Select
): Known {
  const { snapshot } = opened
  const entries = new Map<string, Trackeds>(names.map((name) => [name, new Map()]))
  const settled = status?.settled === true && status.etag === snapshot.etag
  for (const tracked of trackedIn(opened)) {
    const { base, rel } = tracked.entry
    if (settled && tracked.stamp !== '') tracked.recheck = false
    if (selects(select, rel)) entries.get(base)?.set(rel, tracked)
  }
  return {
    stamp,
    snapshot,
    entries,
    bases: new Map(snapshot.bases.map((base) => [base.name, base])),
    status
  }
}

/** What a listing without a manifest tells; files whose entries are remembered as they are there are known by their stamps. */
export function knownAgain(
  snapshot: Snapshot,
  remembered: Known,
  status: Status | undefined,
  names: readonly string[],
  select: Select
): Known {
  const known = knownFrom({ snapshot, state: Buffer.alloc(0) }, '', status, names, select)
  for (const [name, entries] of known.entries) {
    for (const [rel, { line }] of entries) {
      const before = remembered.entries.get(name)?.get(rel)
      if (before?.line === line) entries.set(rel, before)
    }
  }
  return known
}

/** Whether what a manifest says of a base was said without ever having known it. */
export function isForgotten(base: BaseCount | undefined): boolean {
  return base !== undefined && base.count === 0 && base.seen !== true
}

/** Whether the manifest has to be written: another listing, other bases, or files that are known by other stamps. */
export function isNews(known: Known, found: Map<string, BaseFound>, snapshot: Snapshot): boolean {
  if (known.stamp === undefined || known.snapshot?.etag !== snapshot.etag) return true
  if (snapshot.bases.length !== known.bases.size) return true
  if (snapshot.bases.some((base) => isOther(base, known.bases.get(base.name)))) return true
  for (const [name, { entries }] of found) {
    const before = known.entries.get(name)
    for (const [rel, { stamp }] of entries) if (before?.get(rel)?.stamp !== stamp) return true
  }
  return false
}

function isOther(base: BaseCount, before: BaseCount | undefined): boolean {
  return base.root !== before?.root || base.seen !== before?.seen
}

/** Tells a base's folder from another without telling its path. */
export function rootDigest(root: string): string {
  return digestOf(root).slice(0, 16)
}
