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
