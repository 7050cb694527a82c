import { isSameStamp, type Stamp } from '../services/tracked.js'
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
  /** Where inode and change time are not known to be steady, what they were is kept and compared with care. */
  isLearned: boolean
  /** Whether the change time is the file system's own, and steady. */
  keepsChangeTime: boolean
}

/** Local clocks tick every few milliseconds, FAT every 2 s; a server's clock may be off, and its mtimes come late. */
const LOCAL_TICK_NS = 2_000_000_000n
const REMOTE_TICK_NS = 120_000_000_000n
/** No clock is taken to be ahead by more: a time that lies behind it was given to the file. */
const MAX_AHEAD_NS = 86_400_000_000_000n

/**
 * @param type the file system's type, as the kernel names it
 * @param lookedAtMs when the scan began, milliseconds since 1970
 */
export function trustIn(type: string | undefined, local: boolean, lookedAtMs: number): Trust {
  const lookedAt = BigInt(Math.floor(lookedAtMs)) * 1_000_000n
  const oldest = lookedAt - (local ? LOCAL_TICK_NS : REMOTE_TICK_NS)
  const newest = lookedAt + (local ? LOCAL_TICK_NS : MAX_AHEAD_NS)
  const keepsChangeTime = local || /^(?:nfs|cifs|smb|ceph)/.test(type ?? '')
  return {
    // FUSE makes up inodes and change times; servers may number inodes anew.
    stamp: ({ size, mtimeNs, ctimeNs, ino }) => ({
      size,
      mtime: Number(mtimeNs),
      ctime: keepsChangeTime ? Number(ctimeNs) : 0,
      ino: local ? Number(ino) : 0
    }),
    // A write sets the change time, too, so a time of modification that was set ahead hides none.
    isFresh: ({ mtimeNs, ctimeNs }) =>
      (mtimeNs >= oldest && mtimeNs <= newest) || (keepsChangeTime && ctimeNs >= oldest),
    isLearned: !local,
    keepsChangeTime
  }
}

/** A number of a stamp that says nothing: it changed twice without the file. */
const NOTHING = -1

export type Comparison = 'same' | 'changed' | 'renumbered'

/**
 * Compares a file with its stamp. `renumbered`: size and time of modification are the same, but its inode or change time is
 * another. The file was replaced by one that looks like it, or the file system does not keep these.
 */
export function compare(trust: Trust, before: Stamp, stat: FileStat): Comparison {
  const now = trust.stamp(stat)
  if (!trust.isLearned) return isSameStamp(before, now) ? 'same' : 'changed'
  if (before.size !== now.size || !Object.is(before.mtime, now.mtime)) return 'changed'
  if (trust.keepsChangeTime && before.ctime !== now.ctime) return 'changed'
  const isOther = [
    isOtherNumber(before.ino, stat.ino),
    !trust.keepsChangeTime && isOtherNumber(before.ctime, stat.ctimeNs)
  ]
  return isOther.includes(true) ? 'renumbered' : 'same'
}

/**
 * The stamp to keep of a file that was looked at.
 * @param before its stamp before, if any
 * @param isFalseAlarm its numbers are others, and what it says is the same
 * @param isAsNew what was learned of its numbers is forgotten
 */
export function stampAfter(
  trust: Trust,
  before: Stamp | undefined,
  stat: FileStat,
  { isFalseAlarm = false, isAsNew = false } = {}
): Stamp {
  const now = trust.stamp(stat)
  if (!trust.isLearned) return now
  const next = (old: number | undefined, value: bigint) =>
    nextNumber(isAsNew ? undefined : old, Number(value), isFalseAlarm)
  return {
    ...now,
    ino: next(before?.ino, stat.ino),
    ctime: trust.keepsChangeTime ? now.ctime : next(before?.ctime, stat.ctimeNs)
  }
}

/** 0 was never told; less than 0 changed once without the file, and is compared all the same. */
function isOtherNumber(before: number, now: bigint): boolean {
  return before !== 0 && before !== NOTHING && Math.abs(before) !== Number(now)
}

function nextNumber(before: number | undefined, now: number, isFalseAlarm: boolean): number {
  if (now <= 1 || before === NOTHING) return NOTHING
  if (before === undefined || before === 0 || before === now) return now
  if (before === -now) return before
  if (!isFalseAlarm) return now
  return before < 0 ? NOTHING : -now
}

/** Whether a number of a stamp is compared. */
export function isTelling(number: number): boolean {
  return number !== 0 && number !== NOTHING
}
