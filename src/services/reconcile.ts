import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { Doubt } from '../schemas/manifest.js'
import type { FileSystemFacts, ScannedMount, ScannedRoot } from './scanned-root.js'
import type { Tracked, Trackeds } from './tracked.js'

/** What one look at a whole base found. */
export interface Scan {
  /** Known reports that are as they were. */
  same: Tracked[]
  /** Those that are new or were read again, by rel. */
  read: Trackeds
  /** Folders that were listed, the base itself as ''; and whether they held any name. */
  folders: Map<string, boolean>
  /** Folders and files below which nothing is known now. */
  unreadable: string[]
  warnings: Warning[]
  skippedLinks: number
  filesRead: number
  /** The folder that was walked. */
  root?: ScannedRoot
  /** What is mounted below it, where it is walked. */
  mounts?: ScannedMount[]
  /** What its file system tells. */
  fileSystem?: FileSystemFacts
}

/** A base's answer to a build: a scan, or why there is none. */
export type Look = { scan: Scan } | { unavailable: string }

/** How losses are judged. */
export interface Judgement {
  base: string
  /** Share of a base's entries that may go at once, 0 to 1. */
  maxDrop: number
  /** Someone said that what is missing is really gone. */
  accepted: boolean
  /** The base lies on a network or FUSE file system, whose folders can come back empty without an error. */
  remote: boolean
  /** Doubts of earlier builds about this base. */
  doubts: readonly Doubt[]
  /** Now, RFC 3339. */
  now: string
}

export interface Reconciled {
  entries: Trackeds
  state: BaseStatus['status']
  error: string | null
  warnings: Warning[]
  doubts: Doubt[]
}

/** So many entries may always go, whatever their share. */
const SMALL_DROP = 20
/** A remote folder that went away without an error is believed gone when it is still gone so much later. */
const DOUBT_MS = 60_000

/** Settles what is listed of a base: what was found, and what is not believed to be gone. */
export function reconcile(known: Trackeds, look: Look, judgement: Judgement): Reconciled {
  if ('unavailable' in look) {
    return {
      entries: known,
      state: 'unavailable',
      error: awaySentence(look.unavailable, known.size),
      warnings: [],
      doubts: [...judgement.doubts]
    }
  }
  const { scan } = look
  const { entries, missing } = merge(known, scan)
  const settled: Reconciled = { entries, state: 'ok', error: null, warnings: [...scan.warnings], doubts: [] }
  if (missing.length === 0 || judgement.accepted || judgement.maxDrop >= 1) return settled
  const isEmpty = scan.same.length + scan.read.size === 0
  if (isTooMuch(missing.length, known.size, isEmpty, judgement))
    return suspect(settled, missing, known.size, judgement)
  if (judgement.remote) doubtFolders(settled, missing, scan, judgement)
  return settled
}

/** What was found, and what stays as nothing is known of its place; and what is missing. Copied only where it changed. */
function merge(known: Trackeds, scan: Scan): { entries: Trackeds; missing: Tracked[] } {
  let again = 0
  for (const rel of scan.read.keys()) if (known.has(rel)) again++
  const isAllThere = scan.same.length + again === known.size
  if (isAllThere && scan.read.size === 0) return { entries: known, missing: [] }
  const entries = new Map(known)
  const missing: Tracked[] = []
  if (!isAllThere) {
    const same = new Set(scan.same)
    for (const tracked of known.values()) {
      const { rel } = tracked
      if (same.has(tracked) || scan.read.has(rel) || scan.unreadable.some((place) => isBelow(rel, place)))
        continue
      entries.delete(rel)
      missing.push(tracked)
    }
  }
  for (const [rel, tracked] of scan.read) entries.set(rel, tracked)
  return { entries, missing }
}

/** Why a base is unavailable, and what becomes of its reports. */
export function awaySentence(reason: string, known: number): string {
  const kept = `its ${known} known reports stay listed until it answers again`
  return `${reason}; ${known > 0 ? kept : 'none of its reports is known yet'}`
}

function isBelow(rel: string, place: string): boolean {
  return place === '' || rel === place || rel.startsWith(`${place}/`)
}

function isTooMuch(missing: number, known: number, isEmpty: boolean, { maxDrop }: Judgement): boolean {
  return isEmpty || (missing >= SMALL_DROP && missing > known * maxDrop)
}

function suspect(settled: Reconciled, missing: Tracked[], known: number, { base }: Judgement): Reconciled {
  for (const tracked of missing) settled.entries.set(tracked.rel, tracked)
  const all = missing.length === known ? `all ${known}` : `${missing.length} of ${known}`
  return {
    ...settled,
    state: 'suspect',
    error:
      `${all} reports are missing and stay listed until they are back; if they are really gone, run ` +
      `reports-index build --accept-removals ${base} (or POST /rebuild with {"acceptRemovals": ["${base}"]})`
  }
}

function doubtFolders(settled: Reconciled, missing: Tracked[], scan: Scan, judgement: Judgement): void {
  const kept = new Map<string, Tracked[]>()
  for (const tracked of missing) {
    const folder = goneFolderOf(tracked.rel, scan)
    if (folder !== undefined) kept.set(folder, [...(kept.get(folder) ?? []), tracked])
  }
  for (const [rel, entries] of kept) {
    const told = judgement.doubts.find((doubt) => doubt.rel === rel)?.since
    // A moment that is still to come was told by a clock that has been set back since.
    const since = told !== undefined && told <= judgement.now ? told : judgement.now
    if (Date.parse(judgement.now) - Date.parse(since) >= DOUBT_MS) continue
    for (const tracked of entries) settled.entries.set(tracked.rel, tracked)
    settled.doubts.push({ base: judgement.base, rel, since })
    settled.warnings.push({
      code: 'suspect-folder',
      base: judgement.base,
      rel,
      message: `${entries.length} reports went away with their folder; they stay listed until a build in a minute or later finds them gone again`
    })
  }
}

/** The topmost folder above a report that is not there any more, or that is empty now. */
function goneFolderOf(rel: string, { folders }: Scan): string | undefined {
  for (let slash = rel.indexOf('/'); slash !== -1; slash = rel.indexOf('/', slash + 1)) {
    const folder = rel.slice(0, slash)
    if (!folders.get(folder)) return folder
  }
  return undefined
}
