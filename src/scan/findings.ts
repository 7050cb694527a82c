import type { Head } from '../services/decode.js'
import { type FileFacts, makeEntry } from '../services/entry.js'
import { ParserWanted } from '../services/parsers.js'
import type { Scan } from '../services/scan-result.js'
import type { Select } from '../services/select.js'
import { isSameStamp, NO_STAMP, type Tracked, type Trackeds, track } from '../services/tracked.js'
import { describeFault, faultCode, isGone } from './faults.js'
import type { FileStat, Hands, Name } from './hands.js'
import type { Pinned } from './pin.js'
import type { Trust } from './trust.js'

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
  /** Holds a folder while it is walked, so that nobody can exchange it for a link; undefined where there is none. */
  pin(path: string, isRoot: boolean): Pinned | undefined
  hands: Hands
  select: Select
  trust: Trust
  /** Files of our own, never reports. */
  isOwn(rel: string): boolean
  known: Trackeds
  /** Read every head again. */
  full: boolean
  counts: Counts
}

/** What matters in a folder, by rel. */
export interface Wanted {
  files: string[]
  folders: string[]
}

/** The last part of a rel. */
export function nameOf(rel: string): string {
  return rel.slice(rel.lastIndexOf('/') + 1)
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
  readonly #options: WalkOptions

  constructor(options: WalkOptions) {
    this.#options = options
  }

  /** A folder was listed. */
  folder(rel: string, names: readonly Name[]): Wanted {
    this.scan.folders.set(rel, names.length > 0)
    this.#options.counts.folders++
    const wanted: Wanted = { files: [], folders: [] }
    const prefix = rel === '' ? '' : `${rel}/`
    for (const name of names) this.#sort(name, prefix + name.name, wanted)
    return wanted
  }

  #sort({ kind, invalid }: Name, rel: string, { files, folders }: Wanted): void {
    if (kind === 'link') this.scan.skippedLinks++
    else if (!this.#isWanted(kind, rel)) return
    else if (invalid) this.#warn('invalid-name', rel, 'the name is not valid UTF-8; it is left out')
    else (kind === 'folder' ? folders : files).push(rel)
  }

  #isWanted(kind: Name['kind'], rel: string): boolean {
    const { known, select, isOwn } = this.#options
    if (kind === 'folder') return select.folder(rel)
    return kind === 'file' && (known.has(rel) || (select.file(rel) && !isOwn(rel)))
  }

  /** What is known of a file that may be as it was, so that its stat is enough. */
  toCompare(rel: string): Tracked | undefined {
    const before = this.#options.known.get(rel)
    return before && !this.#options.full && !before.recheck ? before : undefined
  }

  /** Takes a file as it was, if its stat is the same. */
  isSame(before: Tracked, stat: FileStat): boolean {
    if (!stat.isFile || !isSameStamp(before.stamp, this.#options.trust.stamp(stat))) return false
    this.scan.same.push(before)
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
    this.#list(track(entry, trust.stamp(stat), trust.isFresh(stat), warnings))
  }

  /**
   * A file could not be read, or it is gone. It keeps its last entry.
   * @returns whether it has none, so that one can be made of its stat
   */
  lost(rel: string, error: unknown): boolean {
    if (faultCode(error) === undefined) throw error
    if (isGone(error)) return false
    this.#unreadable(rel, error)
    const before = this.#options.known.get(rel)
    if (before) this.#list({ ...before, recheck: true })
    return before === undefined
  }

  /** The stat of a new file that can not be read. */
  unread(rel: string, stat: FileStat): void {
    if (!stat.isFile) return
    const { base } = this.#options
    const { entry } = makeEntry({ base, rel, size: stat.size, mtimeNs: stat.mtimeNs }, undefined)
    this.#list(track(entry, { ...NO_STAMP, size: stat.size }, true))
  }

  /** A folder can not be reached. Only the root's failure is thrown. */
  folderLost(rel: string, error: unknown): void {
    if (rel === '' || faultCode(error) === undefined) throw error
    if (!isGone(error)) this.#unreadable(rel, error)
  }

  #list(tracked: Tracked): void {
    this.scan.read.set(tracked.rel, tracked)
    this.scan.warnings.push(...tracked.warnings)
  }

  #unreadable(rel: string, error: unknown): void {
    this.scan.unreadable.push(rel)
    this.#warn('unreadable', rel, describeFault(error))
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
