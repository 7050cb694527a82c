import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { BaseCount, Status } from '../schemas/manifest.js'
import { asBefore, type BaseFound, homeIn, statusIn, warningsIn } from './base-found.js'
import { lookAtPaths } from './base-paths.js'
import { type BasePlace, goneMounts, homeAfter, isMoved } from './base-place.js'
import { isBelowAny } from './losses.js'
import { type Reconciled, reconcile } from './reconcile.js'
import type { Look, Scan, ScanHints } from './scan-result.js'
import type { BaseJob, Scanner } from './scanner.js'
import { countOfHeld, NO_STAMP, type Trackeds } from './tracked.js'

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
  const home: Partial<BaseCount> = job.head ?? {}
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
    isHoldLost: (home.held ?? 0) > countOfHeld(before),
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
    home: isSettled
      ? homeAfter(home, place, settled.entries, gone, seenBelow(scan), scan?.path)
      : homeIn(home),
    skippedLinks: scan?.skippedLinks ?? 0,
    filesRead: scan?.filesRead ?? 0
  }
}

/** Tells whether a scan saw a report at a rel, or below it. */
function seenBelow(scan: Scan): (rel: string) => boolean {
  return (rel) => {
    const place = new Set([rel])
    if (scan.same.some((seen) => isBelowAny(seen.rel, place))) return true
    return [...scan.read.keys()].some((seen) => isBelowAny(seen, place))
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
