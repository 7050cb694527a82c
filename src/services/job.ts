import type { RebuildBody, ReportPath } from '../schemas/rebuild.js'

/** What one build is asked for. */
export interface Job {
  /** `paths` looks at the named files alone; the other modes look at them, too. */
  mode: 'paths' | 'incremental' | 'full'
  paths: ReportPath[]
  /** Bases whose missing reports are really gone. */
  acceptRemovals: string[]
  /** The manifest was found to be unusable: what is remembered of it is not trusted. */
  mend?: boolean
}

export const refresh: Job = { mode: 'incremental', paths: [], acceptRemovals: [] }

/** The job that a request asks for: named files alone, unless it says more. */
export function jobFor({ mode, paths = [], acceptRemovals = [] }: RebuildBody): Job {
  const alone = mode === undefined && paths.length > 0 && acceptRemovals.length === 0
  return { mode: alone ? 'paths' : (mode ?? 'incremental'), paths, acceptRemovals }
}

const MODES = ['paths', 'incremental', 'full'] as const

/** One job that does what both ask for. */
export function mergeJobs(a: Job, b: Job): Job {
  return {
    mode: MODES[Math.max(MODES.indexOf(a.mode), MODES.indexOf(b.mode))] as Job['mode'],
    paths: [...a.paths, ...b.paths],
    acceptRemovals: [...new Set([...a.acceptRemovals, ...b.acceptRemovals])],
    ...(a.mend || b.mend ? { mend: true } : {})
  }
}

/** Whether a path stays below its base as it is written. */
export function isBelowBase(rel: string): boolean {
  return rel.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !rel.includes('\0')
}
