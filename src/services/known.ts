import type { Status } from '../schemas/manifest.js'
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
  stamp: string,
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
