import fs from 'node:fs'
import { promisify } from 'node:util'

/** A call that can hang, by the gate of its base; at once where there is none. */
export type Calls = <R>(call: () => Promise<R>) => Promise<R>

/** A folder that stays the same one, whatever takes the place of its path. */
export interface Pinned {
  /** Leads to the folder itself, not by its path; of this process alone. */
  path: string
  /** Tells it from any other folder: device and inode. */
  identity(): string
  unpin(): void
}

/** Linux: takes a place in the tree without opening what stands there. */
export const O_PATH = 0o10000000
const ROOT = O_PATH | fs.constants.O_DIRECTORY
const FOLDER = ROOT | fs.constants.O_NOFOLLOW

const open = promisify(fs.open)

let isPossible: boolean | undefined

/** Whether folders can be pinned: on Linux alone, and only where /proc is mounted. It is found out once. */
export function canPin(): boolean {
  isPossible ??= process.platform === 'linux' && tryPinning()
  return isPossible
}

function tryPinning(): boolean {
  try {
    const root = pinned(fs.openSync('/', ROOT))
    try {
      return fs.statSync(`${root.path}/.`).ino === fs.statSync('/').ino
    } finally {
      root.unpin()
    }
  } catch {
    return false
  }
}

/**
 * Pins a folder at once; for local disks.
 * @param isRoot a base itself may be a link, a folder below it may not
 * @throws the file system's error
 */
export function pinNow(path: string, isRoot: boolean): Pinned | undefined {
  return canPin() ? pinned(fs.openSync(path, isRoot ? ROOT : FOLDER)) : undefined
}

/** The same, for a folder below a base whose calls can hang. */
export async function pinSlowly(path: string, calls: Calls): Promise<Pinned | undefined> {
  return canPin() ? pinned(await calls(() => open(path, FOLDER))) : undefined
}

function pinned(fd: number): Pinned {
  return {
    path: `/proc/self/fd/${fd}`,
    identity() {
      const { dev, ino } = fs.fstatSync(fd, { bigint: true })
      return `${dev}:${ino}`
    },
    // What was never opened asks no file system when it is let go.
    unpin: () => fs.closeSync(fd)
  }
}
