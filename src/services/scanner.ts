import type { Warning } from '../schemas/entry.js'
import type { BaseCount } from '../schemas/manifest.js'
import type { BasePlace } from './base-place.js'
import type { Look, ScanHints } from './scan-result.js'
import type { Base } from './settings.js'
import type { Tracked, Trackeds } from './tracked.js'

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
