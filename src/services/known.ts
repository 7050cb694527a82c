import type { Status } from '../schemas/manifest.js'
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
  /** By base: a digest of the folder's path. */
  roots: Map<string, string | undefined>
  status: Status | undefined
  /** The manifest gave no answer, so what it holds is not known. */
  late?: boolean
}

export const nothingKnown: Known = {
  stamp: undefined,
  snapshot: undefined,
  entries: new Map(),
  roots: new Map(),
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
    roots: new Map(snapshot.bases.map(({ name, root }) => [name, root])),
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

/** Whether a manifest lists nothing of a base, and nobody says that it was looked at. */
export function isForgotten({ entries, snapshot, status }: Known, name: string): boolean {
  if ((entries.get(name)?.size ?? 0) > 0) return false
  const told = status?.etag === snapshot?.etag ? status?.bases.find((base) => base.name === name) : undefined
  return told?.status !== 'ok'
}

/** Whether the manifest has to be written: another listing, other bases, or files that are known by other stamps. */
export function isNews(known: Known, found: Map<string, BaseFound>, snapshot: Snapshot): boolean {
  if (known.stamp === undefined || known.snapshot?.etag !== snapshot.etag) return true
  if (snapshot.bases.length !== known.roots.size) return true
  if (snapshot.bases.some(({ name, root }) => known.roots.get(name) !== root)) return true
  for (const [name, { entries }] of found) {
    const before = known.entries.get(name)
    for (const [rel, { stamp }] of entries) if (before?.get(rel)?.stamp !== stamp) return true
  }
  return false
}

/** Tells a base's folder from another without telling its path. */
export function rootDigest(root: string): string {
  return digestOf(root).slice(0, 16)
}
