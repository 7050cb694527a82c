import type { Status } from '../schemas/manifest.js'
import type { BaseFound } from './base-found.js'
import type { Job } from './job.js'
import { isForgotten, type Known, knownAgain, knownFrom, nothingKnown } from './known.js'
import type { Snapshot } from './manifest.js'
import type { OpenedManifest } from './open-manifest.js'
import type { Outcome } from './outcome.js'
import { type Rows, settle } from './rows.js'
import type { Salvaged } from './salvage.js'
import { type Select, selection } from './select.js'
import { type Tracked, track, withHeld } from './tracked.js'

/** Where a builder learns what was known before. */
export interface MemoryPorts {
  /** The bases' names. */
  names: readonly string[]
  select: Select
  manifest: {
    read(): Promise<{
      state: string
      stamp: string | undefined
      opened?: OpenedManifest
      salvaged?: Salvaged | undefined
    }>
  }
  /** The listing that is served: what to go on from where there is no manifest. */
  lastGood(): Promise<Snapshot | undefined>
}

/** What a builder knows before a build begins: from the manifest, or as it remembers it, so that it need not be read again. */
export class Memory {
  readonly #ports: MemoryPorts
  #known: Known = nothingKnown
  /** The companion could not be written, so it tells of older builds than what is remembered. */
  isStatusOld = false

  constructor(ports: MemoryPorts) {
    this.#ports = ports
  }

  /** What the last build left, whatever the manifest says now. */
  get remembered(): Known {
    return this.#known
  }

  /**
   * @param read the companion
   * @param seen the manifest's stamp
   * @returns what is known, and the stamp of the manifest that tells it
   */
  async recall(
    { mode, mend }: Pick<Job, 'mode' | 'mend'>,
    read: Status | undefined,
    seen: string | undefined
  ): Promise<{ known: Known; seen: string | undefined }> {
    const status = (this.isStatusOld ? undefined : read) ?? this.#known.status
    const asRemembered = mode !== 'full' && !mend && this.#known.stamp !== undefined
    if (asRemembered && this.#known.stamp === seen) return { known: { ...this.#known, status }, seen }
    return await this.#read(status)
  }

  async #read(status: Status | undefined): Promise<{ known: Known; seen: string | undefined }> {
    const { manifest, names, select, lastGood } = this.#ports
    const { opened, stamp, state, salvaged } = await manifest.read()
    const understandable = opened && understood(() => knownFrom(opened, stamp, status, names, select))
    if (understandable) return { known: await this.#withForgotten(understandable), seen: stamp }
    // The last known entries are worth more than an empty or broken place, and what is served is newer than what is
    // remembered; the manifest is written again in any case.
    const served = await lastGood()
    const isNewer = served !== undefined && served.etag !== this.#known.listing?.etag
    const known = isNewer ? knownAgain(served, this.#known, status, names, select) : this.#known
    const isUnusable = state === 'corrupt' || state === 'unreadable'
    const rest = { ...known, stamp: undefined, status, late: state === 'late', isUnusable }
    return { known: salvaged ? withSalvaged(rest, salvaged, names, select) : rest, seen: stamp }
  }

  /** A manifest by a process that never knew a base, as it was away: what is known of it here is taken, and written. */
  async #withForgotten(known: Known): Promise<Known> {
    const { names, select, lastGood } = this.#ports
    const forgotten = names.filter((name) => !known.bases.has(name) || isForgotten(known.bases.get(name)))
    if (forgotten.length === 0) return known
    const served = await lastGood()
    const before = served ? knownAgain(served, this.#known, known.status, forgotten, select) : this.#known
    const entries = new Map(known.entries)
    let added = 0
    for (const name of forgotten) {
      // What is served may be the manifest that lacks it.
      const isServed = (before.entries.get(name)?.size ?? 0) > 0
      const { rows, entries: from } = isServed ? before : this.#known
      const remembered = from.get(name) ?? new Map()
      entries.set(name, new Map([...remembered].map(([rel, tracked]) => [rel, taken(tracked, rows)])))
      added += remembered.size
    }
    if (added === 0 || !known.listing) return known
    return {
      ...known,
      stamp: undefined,
      entries,
      listing: { ...known.listing, count: known.listing.count + added }
    }
  }

  /** @param reports those of the listing, where it was laid out anew */
  remember(
    found: Map<string, BaseFound>,
    { listing, status }: Pick<Outcome, 'listing' | 'status'>,
    {
      rows,
      stamp,
      reports = []
    }: Pick<Known, 'rows' | 'stamp'> & { reports?: readonly Tracked[] | undefined }
  ): void {
    settle(reports)
    this.#known = {
      stamp,
      listing,
      rows,
      entries: new Map([...found].map(([name, { entries }]) => [name, entries])),
      bases: new Map(listing.bases.map((base) => [base.name, base])),
      status
    }
  }
}

/**
 * What is known, and, of bases of which nothing is, what a manifest tells that cannot be taken as it is. Where its entries
 * do not match its digest they count only for bases that do not answer.
 */
function withSalvaged(
  known: Known,
  { entries, isVerified }: Salvaged,
  names: readonly string[],
  select: Select
): Known {
  const isUnknown = (name: string) =>
    (known.entries.get(name)?.size ?? 0) === 0 && known.bases.get(name)?.seen !== true
  const isSelected = selection(select)
  const added = new Map<string, Map<string, Tracked>>()
  for (const tracked of entries) {
    const { base, rel } = tracked
    if (!isUnknown(base) || (names.includes(base) && !isSelected(rel))) continue
    added.set(base, (added.get(base) ?? new Map()).set(rel, tracked))
  }
  const { listing } = known
  const count = [...added.values()].reduce((sum, { size }) => sum + size, 0)
  return {
    ...known,
    ...(listing && { listing: { ...listing, count: listing.count + count } }),
    entries: new Map([...known.entries, ...added]),
    ...(isVerified ? {} : { salvaged: new Set(added.keys()) })
  }
}

/** A report of another listing than that which is gone on from, with its line. */
function taken(tracked: Tracked, rows: Rows): Tracked {
  const { stamp, recheck, warnings, held } = tracked
  return withHeld(track(JSON.parse(rows.lineOf(tracked)), stamp, recheck, warnings), held)
}

/** What a stranger's letter says; undefined where it can not be understood. */
function understood<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
