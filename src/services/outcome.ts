import type { Warning } from '../schemas/entry.js'
import { type ListingSettings, MANIFEST_VERSION, type Status } from '../schemas/manifest.js'
import type { BuildResult, Step } from '../schemas/rebuild.js'
import type { BaseFound } from './base-found.js'
import type { Built } from './builder-messages.js'
import type { ListingFacts, Snapshot } from './manifest.js'
import type { Tally } from './tally.js'
import type { Trackeds } from './tracked.js'

/** How a build ended: what it has to say, its listing, and why that could not be saved. */
export interface Outcome {
  result: BuildResult
  status: Status
  listing: ListingFacts
  /** The listing with its bytes. */
  snapshot(): Snapshot
  /** The error's code, where the manifest could not be written. */
  notWritten?: string
  /** The manifest is not written yet, since its place may still be mounted over. */
  isDeferred: boolean
  /** Bases whose reports were found in another folder until now. */
  moved: string[]
  /** How the manifest that it went on from was made with other settings, in sentences. */
  otherSettings: string[]
}

/** When a build ran, and how long each step took. */
export interface Run {
  /** Milliseconds since 1970. */
  startedAt: number
  endedAt: number
  steps: Step[]
  notWritten: string | undefined
  /** The last whole look at the bases, where this build was none: when it began, and the links it met. */
  lastScan?: Pick<Status, 'scanBegan' | 'scanMode' | 'skippedLinks'> | undefined
  /** When this build began, by the clock that never goes back. */
  began?: string
  mode?: string
  /** The settings of this process that shape a listing. */
  settings?: ListingSettings | undefined
  /** Names of this process' bases. */
  names: readonly string[]
  otherSettings?: string[]
  isDeferred?: boolean
  moved?: string[]
}

/** Puts a build's outcome together. */
export function outcomeOf(
  tally: Tally,
  found: Map<string, BaseFound>,
  { listing, snapshot }: Pick<Outcome, 'listing' | 'snapshot'>,
  run: Run
): Outcome {
  const parts = [...found.values()]
  const skippedLinks = parts.reduce((total, part) => total + part.skippedLinks, 0)
  const told = {
    etag: listing.etag,
    startedAt: new Date(run.startedAt).toISOString(),
    durationMs: roundMs(run.steps.reduce((total, { ms }) => total + ms, 0)),
    bases: parts.map(({ status }) => status),
    warnings: parts.flatMap(({ warnings }) => warnings).toSorted(compareWarnings)
  }
  return {
    listing,
    snapshot,
    otherSettings: run.otherSettings ?? [],
    isDeferred: run.isDeferred === true,
    moved: run.moved ?? [],
    result: {
      ...told,
      bases: told.bases.filter(({ name }) => run.names.includes(name)),
      count: listing.count,
      ...tally,
      skippedLinks,
      filesRead: parts.reduce((total, { filesRead }) => total + filesRead, 0),
      steps: run.steps
    },
    status: {
      version: MANIFEST_VERSION,
      ...told,
      checkedAt: new Date(Math.max(run.startedAt, run.endedAt)).toISOString(),
      ...(run.lastScan ?? {
        skippedLinks,
        ...(run.began !== undefined && { scanBegan: run.began }),
        ...(run.mode !== undefined && { scanMode: run.mode })
      }),
      ...(run.settings && { settings: run.settings }),
      doubts: parts.flatMap(({ doubts }) => doubts),
      settled: parts.every(({ entries }) => isSettled(entries))
    },
    ...(run.notWritten === undefined ? {} : { notWritten: run.notWritten })
  }
}

/** What is told of it to another process: its listing only where that is wanted, or can not be read from the manifest. */
export function builtFrom(
  { result, status, snapshot, notWritten, otherSettings, isDeferred, moved }: Outcome,
  handOver: boolean
): Built {
  const told = {
    result,
    status,
    otherSettings,
    isDeferred,
    moved,
    ...(notWritten !== undefined && { notWritten })
  }
  return handOver || isDeferred || notWritten !== undefined ? { ...told, snapshot: snapshot() } : told
}

function isSettled(entries: Trackeds): boolean {
  for (const { recheck } of entries.values()) if (recheck) return false
  return true
}

function compareWarnings(a: Warning, b: Warning): number {
  const [left, right] = [a, b].map(({ base, rel, code }) => `${base}\0${rel}\0${code}`) as [string, string]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Milliseconds to the microsecond. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
