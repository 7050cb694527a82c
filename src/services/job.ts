import type { RebuildBody, ReportPath } from '../schemas/rebuild.js'

/** What one build is asked for. */
export interface Job {
  /** `paths` looks at the named files alone; the other modes look at them, too. */
  mode: 'paths' | 'incremental' | 'full'
  paths: ReportPath[]
  /** Bases whose missing reports are really gone. */
  acceptRemovals: string[]
  /**
   * When the build began that told of them, in milliseconds since 1970: what was missed later was not told. Absent: all that
   * the manifest tells of.
   */
  toldAt?: number
  /** Bases that are none here, whose reports go from the manifest. */
  forgetBases?: string[]
  /** The manifest was found to be unusable: what is remembered of it is not trusted. */
  mend?: boolean
  /** Nothing is taken from the manifest: what is found is what is on disk. */
  isAlone?: boolean
  /** When it was asked for; absent where no other process' build will do. */
  askedAt?: Tick
}

/** A moment of the host's clock that never goes back: which start of the host, and nanoseconds since then. */
export type Tick = `${string}:${number}`

/** Whether a moment lies after another of the same start of the host. */
export function isAfter(a: Tick, b: Tick): boolean {
  const [[startA, ns = '0'], [startB, nsB = '0']] = [a.split(':'), b.split(':')] as [string[], string[]]
  return startA === startB && BigInt(ns) > BigInt(nsB)
}

/** What is told of the last whole look at the bases. */
export interface Scanned {
  scanBegan?: string
  scanMode?: string
  bases: readonly { name: string; status: string }[]
  doubts?: readonly { base: string }[]
  warnings?: readonly { code: string; base: string }[]
}

/**
 * Whether a whole look at all bases does what a job asks for: it began after that was asked for, and not in a time to come
 * (as a damaged companion may say); and it saw all that it was to see.
 * @param bases names of the bases of this process
 */
export function isCoveredBy(
  { mode, paths, acceptRemovals, forgetBases = [], mend, askedAt }: Job,
  scanned: Scanned,
  now: Tick,
  bases: readonly string[]
): boolean {
  const began = scanned.scanBegan as Tick | undefined
  if (
    mend ||
    acceptRemovals.length > 0 ||
    forgetBases.length > 0 ||
    askedAt === undefined ||
    began === undefined
  )
    return false
  if (!isAfter(began, askedAt) || isAfter(began, now)) return false
  if (mode === 'full' && scanned.scanMode !== 'full') return false
  // What is said of a file by name is believed at once, what a look found of a doubtful base is not; and what another process
  // could not look at this one may see: it may have other rights, or another view of what is mounted.
  const doubtful = [
    ...scanned.bases.filter(({ status }) => status !== 'ok').map(({ name }) => name),
    ...(scanned.doubts ?? []).map(({ base }) => base),
    ...(scanned.warnings ?? []).filter(({ code }) => code === 'unreadable').map(({ base }) => base)
  ]
  const asked = paths.length > 0 && mode === 'paths' ? paths.map(({ base }) => base) : bases
  return asked.every((base) => scanned.bases.some(({ name }) => name === base) && !doubtful.includes(base))
}

export const refresh: Job = { mode: 'incremental', paths: [], acceptRemovals: [] }

/** The job that a request asks for: named files alone, in whatever mode (they are read in any), unless a loss is accepted. */
export function jobFor({ mode, paths = [], acceptRemovals = [], forgetBases = [] }: RebuildBody): Job {
  const alone = paths.length > 0 && acceptRemovals.length + forgetBases.length === 0
  return {
    mode: alone ? 'paths' : (mode ?? 'incremental'),
    paths,
    acceptRemovals,
    ...(forgetBases.length > 0 && { forgetBases })
  }
}

/** From the least to the most. */
export const MODES = ['paths', 'incremental', 'full'] as const

/** One job that does what both ask for. */
export function mergeJobs(a: Job, b: Job): Job {
  return {
    mode: MODES[Math.max(MODES.indexOf(a.mode), MODES.indexOf(b.mode))] as Job['mode'],
    paths: [...a.paths, ...b.paths],
    acceptRemovals: [...new Set([...a.acceptRemovals, ...b.acceptRemovals])],
    ...lastTold(a, b),
    ...forgotten(a, b),
    ...(a.mend || b.mend ? { mend: true } : {}),
    ...lastAsked(a.askedAt, b.askedAt)
  }
}

function lastTold(a: Job, b: Job): Pick<Job, 'toldAt'> {
  const told = [a, b].filter(({ acceptRemovals }) => acceptRemovals.length > 0).map(({ toldAt }) => toldAt)
  return told.length === 0 || told.includes(undefined) ? {} : { toldAt: Math.max(...(told as number[])) }
}

function forgotten({ forgetBases: a = [] }: Job, { forgetBases: b = [] }: Job): Pick<Job, 'forgetBases'> {
  const all = [...new Set([...a, ...b])]
  return all.length > 0 ? { forgetBases: all } : {}
}

function lastAsked(a: Tick | undefined, b: Tick | undefined): { askedAt?: Tick } {
  return a && b ? { askedAt: isAfter(a, b) ? a : b } : {}
}

/** No file system has longer ones, in bytes. */
const MOST_PATH = 4096
const MOST_NAME = 255

/** Whether a path stays below its base as it is written, and can be one at all. */
export function isBelowBase(rel: string): boolean {
  if (
    Buffer.byteLength(rel) > MOST_PATH ||
    rel.split('/').some((part) => Buffer.byteLength(part) > MOST_NAME)
  )
    return false
  return (
    rel.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
    !rel.includes('\0') &&
    // A lone surrogate is in no name: on its way to the file system it becomes another character.
    rel.isWellFormed()
  )
}
