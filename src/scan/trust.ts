import type { Stamp } from '../services/tracked.js'
import type { FileStat } from './hands.js'

/** What a file system's stat is worth: whether two looks saw the same file, and whether a look came too early to tell. */
export interface Trust {
  /** Two equal stamps mean the same bytes, unless the stat was fresh. */
  stamp(stat: FileStat): Stamp
  /**
   * The file was touched so shortly before it was looked at that it can be written again within the same clock tick,
   * unseen (git's "racily clean" entries).
   */
  isFresh(stat: FileStat): boolean
}

/** Local clocks tick every few milliseconds, FAT every 2 s; a server's clock may be off, and its mtimes come late. */
const LOCAL_TICK_NS = 2_000_000_000n
const REMOTE_TICK_NS = 120_000_000_000n

/**
 * @param type the file system's type, as the kernel names it
 * @param lookedAtMs when the scan began, milliseconds since 1970
 */
export function trustIn(type: string | undefined, local: boolean, lookedAtMs: number): Trust {
  const lookedAt = BigInt(Math.floor(lookedAtMs)) * 1_000_000n
  const oldest = lookedAt - (local ? LOCAL_TICK_NS : REMOTE_TICK_NS)
  const keepsCtime = local || /^(?:nfs|cifs|smb|ceph)/.test(type ?? '')
  return {
    // FUSE makes up inodes and change times; servers may number inodes anew.
    stamp: ({ size, mtimeNs, ctimeNs, ino }) => ({
      size,
      mtime: Number(mtimeNs),
      ctime: keepsCtime ? Number(ctimeNs) : 0,
      ino: local ? Number(ino) : 0
    }),
    isFresh: ({ mtimeNs, ctimeNs }) => mtimeNs >= oldest || (keepsCtime && ctimeNs >= oldest)
  }
}
