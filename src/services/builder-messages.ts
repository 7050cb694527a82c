import type { Status } from '../schemas/manifest.js'
import type { BuildResult, Progress, ReportPath } from '../schemas/rebuild.js'
import type { Job } from './job.js'
import type { Snapshot } from './manifest.js'
import type { Settings } from './settings.js'

/** What the service tells its builder process. */
export type ToBuilder =
  | { type: 'settings'; settings: Settings }
  | { type: 'build'; id: number; job: Job; handOver: boolean; lastGood?: Snapshot }
  | { type: 'check'; id: number; paths: ReportPath[] }

/** What a build has to say to the service; its listing where it was asked for, or could not be written. */
export interface Built {
  result: BuildResult
  status: Status
  snapshot?: Snapshot
  /** The error's code, where the manifest could not be written. */
  notWritten?: string
}

/** What the builder process tells the service. */
export type FromBuilder =
  | { type: 'built'; id: number; built: Built }
  | { type: 'checked'; id: number; escape?: ReportPath }
  | { type: 'failed'; id: number; message: string }
  | { type: 'progress'; progress: Progress }
  | { type: 'warn'; message: string }
