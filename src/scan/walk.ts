import { setImmediate } from 'node:timers/promises'
import type { Warning } from '../schemas/entry.js'
import type { Head } from '../services/decode.js'
import { type FileFacts, makeEntry, wantsHead } from '../services/entry.js'
import { formatOf } from '../services/format.js'
import type { Scan } from '../services/reconcile.js'
import type { Select } from '../services/select.js'
import { type Tracked, type Trackeds, track } from '../services/tracked.js'
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
  /** Whether calls go side by side. */
  parallel: boolean
  select: Select
  trust: Trust
  /** Files of our own, never reports. */
  isOwn(rel: string): boolean
  known: Trackeds
  /** Read every head again. */
  full: boolean
  counts: Counts
}

/** So many folders are held at once, one below the other; deeper ones go by their path from there. */
const MOST_HELD = 64

/** The event loop gets a turn after so many milliseconds of calls that answer at once. */
const TURN_MS = 20

/** Walks a base and makes or reuses the entry of each report. Only the root's own failure is thrown. */
export async function walk(options: WalkOptions): Promise<Scan> {
  const scan = emptyScan()
  await new Walk(options, scan).folder('', options.root)
  scan.filesRead = options.counts.read
  return scan
}

/**
 * Looks at one file that is said to be a report: undefined where there is none.
 * @param path where it is to be found
 */
export async function lookAt(
  rel: string,
  path: string,
  options: WalkOptions
): Promise<{ tracked?: Tracked; warnings: Warning[] }> {
  const scan = emptyScan()
  await new Walk({ ...options, full: true }, scan).file(rel, path)
  const tracked =
    scan.entries.get(rel) ?? (scan.unreadable.includes(rel) ? options.known.get(rel) : undefined)
  return { ...(tracked && { tracked }), warnings: scan.warnings }
}

function emptyScan(): Scan {
  return {
    entries: new Map(),
    folders: new Map(),
    unreadable: [],
    warnings: [],
    skippedLinks: 0,
    filesRead: 0
  }
}

/** Whatever stands in a file can cost that file's own entry its title, and nothing else. */
function understand(file: FileFacts, head: Head | undefined): ReturnType<typeof makeEntry> {
  try {
    return makeEntry(file, head)
  } catch (error) {
    const { base, rel } = file
    const message = `its content can not be understood (${(error as Error).name})`
    return { ...makeEntry(file, undefined), warnings: [{ code: 'unreadable', base, rel, message }] }
  }
}

class Walk {
  #turnAt = performance.now() + TURN_MS

  constructor(
    readonly options: WalkOptions,
    readonly scan: Scan
  ) {}

  async folder(rel: string, path: string): Promise<void> {
    const isDeep = rel.split('/').length > MOST_HELD
    const pinned = this.#reach(rel, () => (isDeep ? undefined : this.options.pin(path, rel === '')))
    if (pinned === null) return
    const at = pinned?.path ?? path
    try {
      await this.#folderAt(rel, at)
    } finally {
      pinned?.unpin()
    }
  }

  async #folderAt(rel: string, at: string): Promise<void> {
    const names = await this.#reachSlowly(rel, async () => await this.options.hands.names(at))
    if (names === null) return
    this.scan.folders.set(rel, names.length > 0)
    this.options.counts.folders++
    const files: string[] = []
    const folders: string[] = []
    for (const name of names) this.#sort(name, rel === '' ? name.name : `${rel}/${name.name}`, files, folders)
    const pathOf = (child: string) => `${at === '/' ? '' : at}/${child.slice(child.lastIndexOf('/') + 1)}`
    const filesDone = this.#each(files, (file) => this.file(file, pathOf(file)))
    if (!this.options.parallel) await filesDone
    await Promise.all([filesDone, this.#each(folders, (folder) => this.folder(folder, pathOf(folder)))])
  }

  /** Does what a folder is needed for; null where that can not be reached, which is told. Only the root's failure is thrown. */
  #reach<T>(rel: string, work: () => T): T | null {
    try {
      return work()
    } catch (error) {
      return this.#lose(rel, error)
    }
  }

  async #reachSlowly<T>(rel: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      return this.#lose(rel, error)
    }
  }

  #lose(rel: string, error: unknown): null {
    if (rel === '' || faultCode(error) === undefined) throw error
    if (!isGone(error)) this.#unreadable(rel, error)
    return null
  }

  #sort({ kind, invalid }: Name, rel: string, files: string[], folders: string[]): void {
    const { select, isOwn } = this.options
    if (kind === 'link') {
      this.scan.skippedLinks++
    } else if (kind === 'folder' ? select.folder(rel) : kind === 'file' && select.file(rel) && !isOwn(rel)) {
      if (invalid) this.#warn('invalid-name', rel, 'the name is not valid UTF-8; it is left out')
      else (kind === 'folder' ? folders : files).push(rel)
    }
  }

  async #each(items: string[], work: (item: string) => Promise<void>): Promise<void> {
    if (this.options.parallel) {
      await Promise.all(items.map(work))
      return
    }
    for (const item of items) {
      await work(item)
      if (performance.now() < this.#turnAt) continue
      await setImmediate()
      this.#turnAt = performance.now() + TURN_MS
    }
  }

  async file(rel: string, path: string): Promise<void> {
    const { known, full, counts } = this.options
    const before = known.get(rel)
    try {
      const stat = before && !full && !before.recheck ? await this.options.hands.stat(path) : undefined
      const tracked = stat && before && this.#isSame(before, stat) ? before : await this.#read(rel, path)
      if (tracked) this.#list(rel, tracked)
    } catch (error) {
      if (faultCode(error) === undefined) throw error
      if (!isGone(error)) await this.#keep(rel, path, error, before)
    }
    counts.files++
  }

  #list(rel: string, tracked: Tracked): void {
    this.scan.entries.set(rel, tracked)
    this.scan.warnings.push(...tracked.warnings)
  }

  #isSame(before: Tracked, stat: FileStat): boolean {
    const { trust } = this.options
    return stat.isFile && before.entry.size === stat.size && before.stamp === trust.stamp(stat)
  }

  async #read(rel: string, path: string): Promise<Tracked | undefined> {
    const { hands } = this.options
    if (formatOf(rel) === 'pdf') return this.#track(rel, await hands.stat(path), undefined)
    return await hands.open(
      path,
      (size) => wantsHead(rel, size),
      (stat, head) => this.#track(rel, stat, head)
    )
  }

  #track(rel: string, stat: FileStat, head: Head | undefined): Tracked | undefined {
    const { base, trust, counts } = this.options
    if (!stat.isFile) return undefined
    if (head) counts.read++
    const { entry, warnings } = understand({ base, rel, size: stat.size, mtimeNs: stat.mtimeNs }, head)
    return track(entry, trust.stamp(stat), trust.isFresh(stat), warnings)
  }

  /** A file that can not be read keeps its last entry; a new one gets an entry from its stat. */
  async #keep(rel: string, path: string, error: unknown, before: Tracked | undefined): Promise<void> {
    const { hands, base } = this.options
    this.#unreadable(rel, error)
    if (before) {
      this.#list(rel, { ...before, recheck: true })
      return
    }
    try {
      const stat = await hands.stat(path)
      if (!stat.isFile) return
      const { entry } = makeEntry({ base, rel, size: stat.size, mtimeNs: stat.mtimeNs }, undefined)
      this.#list(rel, track(entry, '', true, []))
    } catch (statError) {
      if (faultCode(statError) === undefined) throw statError
    }
  }

  #unreadable(rel: string, error: unknown): void {
    this.scan.unreadable.push(rel)
    this.#warn('unreadable', rel, describeFault(error))
  }

  #warn(code: string, rel: string, message: string): void {
    this.scan.warnings.push({ code, base: this.options.base, rel, message })
  }
}
