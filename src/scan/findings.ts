import type { FileSystem } from '../schemas/base-status.js'
import type { Entry } from '../schemas/entry.js'
import type { Head } from '../services/decode.js'
import { type FileFacts, makeEntry } from '../services/entry.js'
import { ParserWanted } from '../services/parsers.js'
import type { Scan, ScanHints } from '../services/scan-result.js'
import type { Select } from '../services/select.js'
import {
  isKnown,
  isSameStamp,
  NO_STAMP,
  type Stamp,
  type Tracked,
  type Trackeds,
  track
} from '../services/tracked.js'
import type { Pin } from './descent.js'
import { describeFault, faultCode, isGone, isMissing } from './faults.js'
import type { FileStat, Hands } from './hands.js'
import { eachOnce, type ListingTraits, type Name } from './names.js'
import type { Reread } from './reread.js'
import { isPlausible, type ServerClock, TICK_MS } from './server-clock.js'
import type { Stuck } from './stuck.js'
import { compare, isTelling, stampAfter, type Trust } from './trust.js'

/** How far a walk has come. */
export interface Counts {
  folders: number
  files: number
  read: number
}

/** What a walk needs to know of its base. */
export interface WalkOptions {
  base: string
  /** The base's absolute path, links resolved. */
  root: string
  /** Holds a folder while it is walked. */
  pin: Pin
  hands: Hands
  select: Select
  trust: Trust
  /** Files of our own, never reports. */
  isOwn(rel: string): boolean
  known: Trackeds
  /** Read every head again. */
  full: boolean
  counts: Counts
  /** What was not answered before. */
  stuck?: Stuck
  /** What is read again though it looks as it was. */
  reread?: Reread
  /** Of the base's server, where it has one. */
  clock?: ServerClock
  /** When the scan began, milliseconds since 1970. */
  nowMs?: number
  hints?: ScanHints
  /** What is found out of the file system. */
  facts?: FileSystem
  traits?: ListingTraits
}

/** What matters in a folder, by rel. */
export interface Wanted {
  files: string[]
  folders: string[]
}

/** A file that another program holds is asked for again after these times, in milliseconds: about a second in all. */
export const HELD_MS = [10, 20, 40, 80, 160, 320, 400]

/** So many places that cannot be read are told one by one. */
const MAX_UNREADABLE = 1000

/** The last part of a rel. */
export function nameOf(rel: string): string {
  return rel.slice(rel.lastIndexOf('/') + 1)
}

/** What a stat that failed says of a file. */
export function findingOf(error: unknown): 'gone' | undefined {
  if (faultCode(error) === undefined) throw error
  return isMissing(error) ? 'gone' : undefined
}

/** What a walk finds, however it goes. */
export class Findings {
  readonly scan: Scan = {
    same: [],
    read: new Map(),
    folders: new Map(),
    unreadable: [],
    warnings: [],
    skippedLinks: 0,
    filesRead: 0
  }
  /** How many files seen again had an inode that tells something, or one that does not. */
  readonly #inodes = { steady: 0, unsteady: 0 }
  readonly #options: WalkOptions
  #newestMs = Number.NEGATIVE_INFINITY

  constructor(options: WalkOptions) {
    this.#options = options
  }

  /** A folder was listed. */
  folder(rel: string, names: readonly Name[]): Wanted {
    this.scan.folders.set(rel, names.length > 0)
    this.#options.counts.folders++
    const wanted: Wanted = { files: [], folders: [] }
    const prefix = rel === '' ? '' : `${rel}/`
    for (const name of eachOnce(names)) this.#sort(name, prefix + name.name, wanted)
    return wanted
  }

  #sort({ kind, invalid, fault }: Name, rel: string, { files, folders }: Wanted): void {
    if (kind === 'link') this.scan.skippedLinks++
    else if (!this.#isWanted(kind, rel)) return
    else if (kind === 'unknown') this.lost(rel, fault, undefined)
    else if (invalid) this.#warn('invalid-name', rel, 'the name is not valid UTF-8; it is left out')
    else (kind === 'folder' ? folders : files).push(rel)
  }

  #isWanted(kind: Name['kind'], rel: string): boolean {
    const { known, select, isOwn } = this.#options
    if (kind === 'folder') return select.folder(rel)
    if (kind === 'unknown') return select.folder(rel) || known.has(rel) || select.file(rel)
    return kind === 'file' && (known.has(rel) || (select.file(rel) && !isOwn(rel)))
  }

  /** What is known of a file that may be as it was, so that its stat is enough. */
  toCompare(rel: string): Tracked | undefined {
    const { known, full, reread } = this.#options
    const before = known.get(rel)
    return before && !full && !before.recheck && !reread?.isDue(rel, before.stamp) ? before : undefined
  }

  /** Takes a file as it was, if its stat is the same. */
  isSame(before: Tracked, stat: FileStat): boolean {
    const { trust } = this.#options
    this.#see(stat)
    if (!stat.isFile || compare(trust, before.stamp, stat) !== 'same') return false
    const stamp = trust.isLearned ? stampAfter(trust, before.stamp, stat) : before.stamp
    if (trust.isLearned) this.#inodes[isTelling(stamp.ino) ? 'steady' : 'unsteady']++
    if (isSameStamp(stamp, before.stamp)) this.scan.same.push(before)
    else this.scan.read.set(before.rel, { ...before, stamp })
    if (before.warnings.length > 0) this.scan.warnings.push(...before.warnings)
    return true
  }

  /**
   * A file was opened; what is none any more is no report.
   * @throws ParserWanted where a parser has to be loaded for it
   */
  read(rel: string, stat: FileStat, head: Head | undefined): void {
    const { base, trust, counts } = this.#options
    if (!stat.isFile) return
    const { entry, warnings } = understand({ base, rel, size: stat.size, mtimeNs: stat.mtimeNs }, head)
    if (head) counts.read++
    this.#see(stat)
    this.#list(track(entry, this.#stampOf(entry, stat), trust.isFresh(stat), warnings))
  }

  #stampOf(entry: Entry, stat: FileStat): Stamp {
    const { trust, known, reread, hints } = this.#options
    const before = known.get(entry.rel)
    if (!before || !trust.isLearned) return stampAfter(trust, undefined, stat)
    const isRenumbered = compare(trust, before.stamp, stat) === 'renumbered'
    // Where it cannot be told whether the file says the same, its numbers are trusted less.
    const isFalseAlarm = isRenumbered && (!hints?.lineOf || hints.lineOf(before) === JSON.stringify(entry))
    const isAsNew = reread?.isDue(entry.rel, before.stamp) === true && reread.isAsNew(entry.rel)
    return stampAfter(trust, before.stamp, stat, { isFalseAlarm, isAsNew })
  }

  #see({ mtimeNs }: FileStat): void {
    const { clock, nowMs } = this.#options
    if (!clock || nowMs === undefined) return
    const mtimeMs = Number(mtimeNs / 1_000_000n)
    if (mtimeMs > this.#newestMs && isPlausible(mtimeMs, nowMs)) this.#newestMs = mtimeMs
  }

  /** A server's clock may be behind, so what is as new as anything in the base can have been written just now. */
  #markFresh(): void {
    const { clock, nowMs, known, hints } = this.#options
    if (!clock || nowMs === undefined) return
    const freshFrom = clock.freshFrom(this.#newestMs, nowMs)
    const isTickOver = nowMs - (hints?.lastScannedAt ?? nowMs) >= TICK_MS
    for (const tracked of this.scan.read.values()) {
      const { rel, stamp } = tracked
      // What was there as it is by then has been read behind its clock tick now.
      const isSettled = isTickOver && known.get(rel)?.stamp.mtime === stamp.mtime
      if (isKnown(stamp) && !isSettled && stamp.mtime / 1e6 >= freshFrom) tracked.recheck = true
    }
  }

  /** Whether a stat has to tell what became of a file that could not be read. */
  isDoubtful(rel: string, error: unknown): boolean {
    return isGone(error) || !this.#options.known.has(rel)
  }

  /**
   * A file could not be read. It keeps its last entry, or gets one from its stat, unless it is gone.
   * @param now what its stat says, where it was asked for and told
   * @returns whether there is nothing any more
   */
  lost(rel: string, error: unknown, now: FileStat | 'gone' | undefined): boolean {
    if (faultCode(error) === undefined) throw error
    if (now === 'gone') return true
    if (now?.isFile === false) return false
    this.#unreadable(rel, error)
    const { base, known } = this.#options
    const before = known.get(rel)
    if (before) this.#list({ ...before, recheck: true })
    else if (now) {
      const { entry } = makeEntry({ base, rel, size: now.size, mtimeNs: now.mtimeNs }, undefined)
      this.#list(track(entry, { ...NO_STAMP, size: now.size }, true))
    }
    return false
  }

  /**
   * A folder cannot be reached. Only the root's failure is thrown.
   * @param isSure it is there, whatever the error says
   * @returns whether there is nothing any more
   */
  folderLost(rel: string, error: unknown, isSure = false): boolean {
    if (rel === '' || faultCode(error) === undefined) throw error
    if (isSure || !isGone(error)) this.#unreadable(rel, error)
    return !isSure && isMissing(error)
  }

  /** What the walk found, when it has come to its end. */
  done(): Scan {
    this.#markFresh()
    const { steady, unsteady } = this.#inodes
    const { facts } = this.#options
    if (facts && steady + unsteady > 0) facts.inodes = steady >= unsteady
    const untold = this.scan.unreadable.length - MAX_UNREADABLE
    if (untold > 0) this.#warn('unreadable', '', `${untold} more files and folders cannot be read`)
    return { ...this.scan, filesRead: this.#options.counts.read }
  }

  #list(tracked: Tracked): void {
    this.scan.read.set(tracked.rel, tracked)
    this.scan.warnings.push(...tracked.warnings)
  }

  #unreadable(rel: string, error: unknown): void {
    this.#options.stuck?.note(rel, error)
    this.scan.unreadable.push(rel)
    if (this.scan.unreadable.length <= MAX_UNREADABLE) this.#warn('unreadable', rel, describeFault(error))
  }

  #warn(code: string, rel: string, message: string): void {
    this.scan.warnings.push({ code, base: this.#options.base, rel, message })
  }
}

/** Whatever stands in a file can cost that file's own entry its title, and nothing else. */
function understand(file: FileFacts, head: Head | undefined): ReturnType<typeof makeEntry> {
  try {
    return makeEntry(file, head)
  } catch (error) {
    if (error instanceof ParserWanted) throw error
    const { base, rel } = file
    const message = `its content can not be understood (${(error as Error).name})`
    return { ...makeEntry(file, undefined), warnings: [{ code: 'unreadable', base, rel, message }] }
  }
}
