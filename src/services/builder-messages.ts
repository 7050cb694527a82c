import type { Status } from '../schemas/manifest.js'
import type { BuildResult, Progress, ReportPath } from '../schemas/rebuild.js'
import type { Job } from './job.js'
import type { Snapshot } from './manifest.js'
import type { Settings } from './settings.js'

/** What the builder process is asked. */
export type BuilderQuestion =
  /** Unless another process' build did it. `save`: whether the lock is held, so that what is built may be written. */
  | { type: 'build'; job: Job; handOver: boolean; save: boolean }
  /** Whether another process' build did already what a job asks for. */
  | { type: 'covered'; job: Job; handOver: boolean }
  | { type: 'check'; paths: ReportPath[] }

/** What a build has to say to the service; its listing where it was asked for, or could not be written. */
export interface Built {
  result: BuildResult
  status: Status
  snapshot?: Snapshot
  /** The error's code, where the manifest could not be written. */
  notWritten?: string
  /** How the manifest that it went on from was made with other settings, in sentences. */
  otherSettings?: string[]
  /** The manifest is not written yet, since its place may still be mounted over. */
  isDeferred?: boolean
  /** Bases whose reports were found in another folder until now. */
  moved?: string[]
}

export type BuilderAnswer =
  | { type: 'built'; built: Built }
  | { type: 'none' }
  | { type: 'checked'; escape?: ReportPath }

/**
 * What the builder process is told without being asked. `careful`: calls on local disks hung in the process before;
 * `wasRemote`: the manifest is known to have lain on a mount.
 */
export type ToldBuilder =
  | { type: 'settings'; settings: Settings; careful: boolean; wasRemote: boolean }
  | { type: 'lastGood'; snapshot: Snapshot | undefined }

/** What the builder process says without being asked. */
export type BuilderSaid =
  | { type: 'progress'; progress: Progress }
  | { type: 'warn'; message: string }
  /** A manifest takes its place now, where it will be known by this sign. */
  | { type: 'placing'; sign: string }
  /** It wants the listing that is served, to go on from. */
  | { type: 'wantsLastGood' }

/** All that the builder process and its parent have to say to each other. */
export interface BuilderTalk {
  question: BuilderQuestion
  answer: BuilderAnswer
  told: ToldBuilder
  said: BuilderSaid
}
