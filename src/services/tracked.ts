import type { Entry, Warning } from '../schemas/entry.js'
import type { Position } from './order.js'

/**
 * What the file system said of a file: size in bytes, times in nanoseconds since 1970, inode; 0 where it is not worth
 * anything there. The same stamp means the same bytes, unless it was fresh; numbers round what is larger than 2^53, which
 * tells apart what is not fresh all the same. NaN where nothing is known. On network and FUSE file systems inode and change
 * time are less than 0 where they changed once while the file did not, and -1 where they did twice, so they say nothing.
 */
export interface Stamp {
  readonly size: number
  readonly mtime: number
  readonly ctime: number
  readonly ino: number
}

/** The stamp of a file that is to be read in any case. */
export const NO_STAMP: Stamp = { size: 0, mtime: Number.NaN, ctime: 0, ino: 0 }

/** What an entry says, as long as it stands in no listing that the builder holds. */
export interface Made extends Position {
  /** The entry as JSON, which is copied from then on. */
  line: string
}

/** Why a report stays listed though a build missed its file. */
export interface Held {
  /** When a build first missed it, in milliseconds since 1970. */
  readonly since: number
  /**
   * `seen`: until its file is seen again, or somebody says that it is gone. `confirmed`: until a later build of a base that
   * answers as a whole misses it again.
   */
  readonly until: 'seen' | 'confirmed'
}

/** A report as the builder knows it. */
export interface Tracked {
  readonly base: string
  readonly rel: string
  readonly stamp: Stamp
  /** The stamp was too fresh to trust, or the file could not be read: read it again at the next build. */
  recheck: boolean
  readonly warnings: readonly Warning[]
  /** Present while its file is missing and that is not believed. */
  readonly held?: Held | undefined
  /** Absent where its line stands in the builder's listing, in this row. */
  made?: Made | undefined
  row: number
}

const NONE: readonly Warning[] = []

/** Tracks an entry; its line is made once. */
export function track(
  entry: Entry,
  stamp: Stamp,
  recheck: boolean,
  warnings: readonly Warning[] = NONE
): Tracked {
  const { base, rel, date, mtime } = entry
  const made = { line: JSON.stringify(entry), date, mtime, base, rel }
  return { base, rel, stamp, recheck, warnings: warnings.length ? warnings : NONE, made, row: -1 }
}

/** Tracks an entry whose line stands in a row of the listing. */
export function trackRow(
  { base, rel }: Pick<Entry, 'base' | 'rel'>,
  row: number,
  { stamp, recheck, warnings, held }: Pick<Tracked, 'stamp' | 'recheck' | 'warnings' | 'held'>
): Tracked {
  return { base, rel, stamp, recheck, warnings, held, made: undefined, row }
}

/** The same report, held or not. */
export function withHeld(tracked: Tracked, held: Held | undefined): Tracked {
  return { ...tracked, held }
}

export function isKnown({ mtime }: Stamp): boolean {
  return !Number.isNaN(mtime)
}

export function isSameStamp(a: Stamp, b: Stamp): boolean {
  return a.size === b.size && Object.is(a.mtime, b.mtime) && a.ctime === b.ctime && a.ino === b.ino
}

/** Tracked entries of one base, by rel. */
export type Trackeds = Map<string, Tracked>

/** How many reports are held. */
export function countOfHeld(entries: ReadonlyMap<string, Tracked>): number {
  let count = 0
  for (const { held } of entries.values()) if (held) count++
  return count
}
