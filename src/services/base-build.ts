import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { Doubt, Status } from '../schemas/manifest.js'
import { awaySentence, type Look, reconcile, type Scan } from './reconcile.js'
import type { ScanHints } from './scanned-root.js'
import type { Base } from './settings.js'
import type { Tracked, Trackeds } from './tracked.js'

/** A base as the builder needs it. */
export interface Scanner {
  base: Base
  /** Whether it lies on a network or FUSE file system. */
  remote: boolean
  counts: { folders: number; files: number; read: number }
  scan(known: Trackeds, full: boolean, hints?: ScanHints): Promise<Look>
  look(rels: readonly string[], known: Trackeds): Promise<PathsFound | { unavailable: string }>
}

/** What a look at single files found, by rel; undefined where there is no report. */
export interface PathsFound {
  found: Map<string, Tracked | undefined>
  warnings: Warning[]
}

/** What a build asks of one base. */
export interface BaseJob {
  mode: 'paths' | 'incremental' | 'full'
  rels: readonly string[]
  accepted: boolean
  /** The base's folder is another than the one that the known entries were found in. */
  moved: boolean
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
    job.mode === 'paths' ? asBefore(scanner, before, last) : await scanBase(scanner, before, last, job)
  if (job.rels.length > 0 && job.overlapped === undefined) await lookAtPaths(scanner, found, job.rels)
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
  const look: Look =
    job.overlapped === undefined
      ? await scanner.scan(before, job.mode === 'full' || job.moved, hintsFor(job, last, name))
      : { unavailable: `it overlaps the base ${job.overlapped}` }
  const scan = 'scan' in look ? look.scan : undefined
  const now = new Date(job.now).toISOString()
  const { entries, state, error, warnings, doubts } = reconcile(before, look, {
    base: name,
    maxDrop: job.maxDrop,
    accepted: job.accepted || (job.moved && isAny(scan)),
    remote: scanner.remote,
    doubts: last?.doubts?.filter(({ base }) => base === name) ?? [],
    now
  })
  const scannedAt = scan ? now : (statusIn(last, name)?.scannedAt ?? null)
  return {
    entries,
    read: new Map(scan?.read),
    status: { name, status: state, count: 0, scannedAt, error },
    warnings: scan ? warnings : warningsIn(last, name),
    doubts,
    skippedLinks: scan?.skippedLinks ?? 0,
    filesRead: scan?.filesRead ?? 0
  }
}

function hintsFor({ lineOf }: BaseJob, last: Status | undefined, name: string): ScanHints {
  const scannedAt = statusIn(last, name)?.scannedAt
  return { ...(lineOf && { lineOf }), ...(scannedAt && { lastScannedAt: Date.parse(scannedAt) }) }
}

function isAny(scan: Scan | undefined): boolean {
  return scan !== undefined && scan.same.length + scan.read.size > 0
}

/** A base as the last build left it. */
export function asBefore(scanner: Scanner, before: Trackeds, last: Status | undefined): BaseFound {
  const { name } = scanner.base
  return {
    entries: before,
    read: new Map(),
    status: {
      ...(statusIn(last, name) ?? { name, status: 'pending', count: 0, scannedAt: null, error: null })
    },
    warnings: warningsIn(last, name),
    doubts: last?.doubts?.filter(({ base }) => base === name) ?? [],
    skippedLinks: 0,
    filesRead: 0
  }
}

/** What is said of a file by name is believed at once, a removal too. */
async function lookAtPaths(scanner: Scanner, found: BaseFound, rels: readonly string[]): Promise<void> {
  const read = scanner.counts.read
  const look = await scanner.look(rels, found.entries)
  if ('unavailable' in look) {
    found.status = {
      ...found.status,
      status: 'unavailable',
      error: awaySentence(look.unavailable, found.entries.size)
    }
    return
  }
  const entries = new Map(found.entries)
  for (const [rel, tracked] of look.found) {
    if (tracked) {
      entries.set(rel, tracked)
      found.read.set(rel, tracked)
    } else {
      entries.delete(rel)
      found.read.delete(rel)
    }
  }
  found.entries = entries
  found.filesRead += Math.max(0, scanner.counts.read - read)
  found.warnings = [...found.warnings.filter(({ rel }) => !look.found.has(rel)), ...look.warnings]
}

function statusIn(last: Status | undefined, name: string): BaseStatus | undefined {
  return last?.bases.find((base) => base.name === name)
}

function warningsIn(last: Status | undefined, name: string): Warning[] {
  return last?.warnings.filter(({ base }) => base === name) ?? []
}
