import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { BaseCount, Doubt, Status } from '../schemas/manifest.js'
import { type BasePlace, goneMounts, type Home, homeAfter, isMoved } from './base-place.js'
import { isBelowAny } from './losses.js'
import { awaySentence, type Reconciled, reconcile, suspicionOf } from './reconcile.js'
import type { Look, Scan, ScanHints } from './scan-result.js'
import type { Base } from './settings.js'
import { NO_STAMP, type Tracked, type Trackeds, withHeld } from './tracked.js'

/** A base as the builder needs it. */
export interface Scanner {
  base: Base
  /** Whether it lies on a network or FUSE file system. */
  remote: boolean
  counts: { folders: number; files: number; read: number }
  /** Where it lies now. */
  place(): BasePlace
  scan(known: Trackeds, full: boolean, hints?: ScanHints): Promise<Look>
  look(rels: readonly string[], known: Trackeds): Promise<PathsFound | { unavailable: string }>
}

/** What a look at single files found, by rel; undefined where there is no report. */
export interface PathsFound {
  found: Map<string, Tracked | undefined>
  warnings: Warning[]
  /** The base's root holds nothing that could be a report, or lead to one. */
  isEmpty: boolean
  /** The base's folder, its links resolved. */
  path: string
}

/** What a build asks of one base. */
export interface BaseJob {
  mode: 'paths' | 'incremental' | 'full'
  rels: readonly string[]
  /** Losses that were told up to this moment are really gone, in milliseconds since 1970. */
  acceptedUntil: number | undefined
  /** What the manifest's head says of the base. */
  head: BaseCount | undefined
  /** Its known entries come from a manifest that does not match its digest: they count only where the base does not answer. */
  isSalvaged: boolean
  /** Another base that this one overlaps. */
  overlapped: string | undefined
  maxDrop: number
  now: number
  /** The line that the listing has for a report. */
  lineOf?(tracked: Tracked): string
}

/** What a build found of one base. */
export interface BaseFound {
  entries: Trackeds
  /** Those of them that are new or were read again. */
  read: Trackeds
  status: BaseStatus
  warnings: Warning[]
  doubts: Doubt[]
  /** Where they were found. */
  home: Home
  /** Whether some entries are held now that were not before, or the other way round. */
  isHoldNew: boolean
  skippedLinks: number
  filesRead: number
}

/** One base's part of a build. */
export async function buildBase(
  scanner: Scanner,
  before: Trackeds,
  last: Status | undefined,
  job: BaseJob
): Promise<BaseFound> {
  // Not set back: what is still under way in a base that hangs counts for the build that began it.
  scanner.counts = { folders: 0, files: 0, read: 0 }
  const found =
    job.mode === 'paths'
      ? asBefore(scanner.base.name, before, last, job.head)
      : await scanBase(scanner, before, last, job)
  if (job.rels.length > 0 && job.overlapped === undefined) await lookAtPaths(scanner, found, job)
  found.status.count = found.entries.size
  return found
}

async function scanBase(
  scanner: Scanner,
  before: Trackeds,
  last: Status | undefined,
  job: BaseJob
): Promise<BaseFound> {
  const { name } = scanner.base
  const home = job.head ?? {}
  const began = scanner.place()
  const look = await lookAtBase(scanner, before, began, job, hintsFor(job, last, name))
  const place = scanner.place()
  const gone = goneMounts(home, began, place)
  const scan = 'scan' in look ? look.scan : undefined
  const isElsewhere = isMoved(home, began, scan?.path)
  const isAny = scan !== undefined && scan.same.length + scan.read.size > 0
  const settled = reconcile(job.isSalvaged && isAny ? new Map() : before, look, {
    base: name,
    maxDrop: job.maxDrop,
    acceptedUntil: job.acceptedUntil,
    isMoved: isElsewhere,
    remote: scanner.remote,
    goneMounts: gone,
    now: job.now
  })
  if (isElsewhere && scan) forgetStamps(settled.entries, scan.read)
  // Until the other folder answers with reports, the known ones belong to the first.
  const isSettled = scan !== undefined && (isAny || !isElsewhere || before.size === 0)
  return {
    ...settled,
    read: new Map(scan?.read),
    status: statusAfter(settled, scan, name, last, job),
    warnings: [
      ...(scan ? settled.warnings : warningsIn(last, name)).filter(({ code }) => code !== NOT_ACCEPTED),
      ...notAccepted(name, scan !== undefined, job)
    ],
    home: isSettled ? homeAfter(home, place, settled.entries, gone, scan?.path) : homeIn(home),
    skippedLinks: scan?.skippedLinks ?? 0,
    filesRead: scan?.filesRead ?? 0
  }
}

async function lookAtBase(
  scanner: Scanner,
  before: Trackeds,
  place: BasePlace,
  { overlapped, mode, head = { name: '', count: 0 } }: BaseJob,
  hints: ScanHints
): Promise<Look> {
  if (overlapped !== undefined) return { unavailable: `it overlaps the base ${overlapped}` }
  const isFull = mode === 'full' || isMoved(head, place)
  const look = await scanner.scan(before, isFull, hints)
  // Where its path leads is known only now: what is known of files in another folder says nothing of these.
  const isElsewhere = 'scan' in look && !isFull && isMoved(head, place, look.scan.path)
  return isElsewhere ? await scanner.scan(before, true, hints) : look
}

/** What was known of files in another folder says nothing of those in this one. */
function forgetStamps(entries: Trackeds, read: Trackeds): void {
  for (const [rel, tracked] of entries)
    if (!read.has(rel)) entries.set(rel, { ...tracked, stamp: NO_STAMP, recheck: true })
}

/** @param scan undefined where the base did not answer; one that misses reports was not seen whole */
function statusAfter(
  { state, error }: Reconciled,
  scan: Scan | undefined,
  name: string,
  last: Status | undefined,
  { now }: BaseJob
): BaseStatus {
  const before = statusIn(last, name)
  const scannedAt = scan && state === 'ok' ? new Date(now).toISOString() : (before?.scannedAt ?? null)
  const fileSystem = scan?.fileSystem ?? before?.fileSystem
  return { name, status: state, count: 0, scannedAt, error, ...(fileSystem && { fileSystem }) }
}

const NOT_ACCEPTED = 'not-accepted'

function notAccepted(base: string, isScanned: boolean, { acceptedUntil }: BaseJob): Warning[] {
  if (acceptedUntil === undefined || isScanned) return []
  const message = 'the base does not answer, so no removal was accepted; ask again when it does'
  return [{ code: NOT_ACCEPTED, base, rel: '', message }]
}

function hintsFor({ lineOf }: BaseJob, last: Status | undefined, name: string): ScanHints {
  const scannedAt = statusIn(last, name)?.scannedAt
  return { ...(lineOf && { lineOf }), ...(scannedAt && { lastScannedAt: Date.parse(scannedAt) }) }
}

/** A base as the last build left it. */
export function asBefore(
  name: string,
  before: Trackeds,
  last: Status | undefined,
  head: BaseCount | undefined
): BaseFound {
  return {
    entries: before,
    read: new Map(),
    status: {
      ...(statusIn(last, name) ?? { name, status: 'pending', scannedAt: null, error: null }),
      count: before.size
    },
    warnings: warningsIn(last, name),
    doubts: last?.doubts?.filter(({ base }) => base === name) ?? [],
    home: homeIn(head ?? {}),
    isHoldNew: false,
    skippedLinks: 0,
    filesRead: 0
  }
}

/**
 * What is said of a file by name is believed at once, a removal only where the base itself answers: not where its folder or
 * mount is gone or another one, and not where it looks empty.
 */
async function lookAtPaths(scanner: Scanner, found: BaseFound, job: BaseJob): Promise<void> {
  const { read } = scanner.counts
  const home = job.head ?? {}
  const began = scanner.place()
  const look = await scanner.look(job.rels, found.entries)
  if ('unavailable' in look) {
    const error = awaySentence(look.unavailable, found.entries.size)
    found.status = { ...found.status, status: 'unavailable', error }
    return
  }
  const place = scanner.place()
  const gone = new Set(goneMounts(home, began, place))
  const isBelieved = (rel: string) =>
    !look.isEmpty && !isMoved(found.home, place, look.path) && !isBelowAny(rel, gone)
  const entries = new Map(found.entries)
  for (const [rel, tracked] of look.found) {
    const isHeld = entries.get(rel)?.held !== undefined
    if (tracked) {
      const seen = tracked.held ? withHeld(tracked, undefined) : tracked
      entries.set(rel, seen)
      found.read.set(rel, seen)
    } else if (isBelieved(rel)) {
      entries.delete(rel)
      found.read.delete(rel)
    } else continue
    found.isHoldNew ||= isHeld
  }
  found.entries = entries
  if (found.status.status === 'suspect') {
    const { state, error } = suspicionOf(scanner.base.name, entries)
    found.status = { ...found.status, status: state, error }
  }
  found.filesRead += Math.max(0, scanner.counts.read - read)
  found.warnings = [...found.warnings.filter(({ rel }) => !look.found.has(rel)), ...look.warnings]
}

function homeIn({ root, real, mount, mounts }: Home): Home {
  return {
    ...(root !== undefined && { root }),
    ...(real !== undefined && { real }),
    ...(mount !== undefined && { mount }),
    ...(mounts && { mounts })
  }
}

function statusIn(last: Status | undefined, name: string): BaseStatus | undefined {
  return last?.bases.find((base) => base.name === name)
}

function warningsIn(last: Status | undefined, name: string): Warning[] {
  return last?.warnings.filter(({ base }) => base === name) ?? []
}
