import type { Tracked } from './tracked.js'

/** The folder that a scan walked, links resolved. */
export interface ScannedRoot {
  /** Its real path. */
  path: string
  /** Its file system as the kernel numbers it, `major:minor`; '' where the system does not tell. */
  device: string
  /** Its inode number there, which a FUSE file system may make up. */
  ino: string
  /** The type of its file system, e.g. `ext4` or `fuse.rclone`; '' where the system does not tell. */
  type: string
  /** Whether that is a network or FUSE file system. */
  isRemote: boolean
}

/** A file system that is mounted below the root of a base, at a place that is walked. */
export interface ScannedMount {
  /** Where it is mounted: a path below the base, of a folder or of a single file. */
  rel: string
  type: string
  device: string
  isRemote: boolean
}

/** What the file system of a base tells, as far as one scan of it has shown. */
export interface FileSystemFacts {
  /** As the kernel names it, e.g. `fuse.rclone`; '' where the system does not tell. */
  type: string
  /** Whether listings tell which names are folders; null where nothing was listed. */
  kinds: boolean | null
  /** Whether a name is found in another case, too; null where it could not be tried. */
  ignoresCase: boolean | null
  /** Whether inodes stay the same from scan to scan; null while no file has been seen twice. */
  inodes: boolean | null
  /**
   * Whether change times are its own and stay the same; null while no file has been seen twice. Where they are not, only
   * size and time of modification tell a changed file, so heads are read anew little by little.
   */
  changeTimes: boolean | null
}

/** What a scan can use, where the builder knows it. */
export interface ScanHints {
  /** The line that the listing has for a report. */
  lineOf?(tracked: Tracked): string
  /** When the base was scanned last, whichever process did it, milliseconds since 1970. */
  lastScannedAt?: number | undefined
}
