import type { FileSystem } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
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
  /** The folder that was walked, its links resolved, where only its own file system can resolve them. */
  path?: string
  /** What its file system tells. */
  fileSystem?: FileSystem
}

/** A base's answer to a build: a scan, or why there is none. */
export type Look = { scan: Scan } | { unavailable: string }

/** What a scan can use, where the builder knows it. */
export interface ScanHints {
  /** The line that the listing has for a report. */
  lineOf?(tracked: Tracked): string
  /** When the base was scanned last, whichever process did it, milliseconds since 1970. */
  lastScannedAt?: number | undefined
}
