import fs from 'node:fs'
import { promisify } from 'node:util'
import { faultCode, isGone } from './faults.js'

/** A call that can hang, by the gate of its base; at once where there is none. */
export type Calls = <R>(call: () => Promise<R>) => Promise<R>

/** A folder that stays the same one, whatever takes the place of its path. */
export interface Pinned {
  /** Leads to the folder itself, not by its path; of this process alone. */
  path: string
  unpin(): void
}

/** Linux: takes a place in the tree without opening what stands there. */
export const O_PATH = 0o10000000
const ROOT = O_PATH | fs.constants.O_DIRECTORY
const FOLDER = ROOT | fs.constants.O_NOFOLLOW

const open = promisify(fs.open)

/**
 * Pins a folder at once; for local disks. Where folders are walked side by side, too many would be held.
 * @param isRoot a base itself may be a link, a folder below it may not
 * @throws the file system's error
 */
export function pinNow(path: string, isRoot: boolean): Pinned | undefined {
  if (process.platform !== 'linux') return undefined
  const fd = fs.openSync(path, isRoot ? ROOT : FOLDER)
  return { path: pathOf(fd), unpin: () => release(fd) }
}

/**
 * Pins a folder below a base, part by part and through no link, so that nobody can lead what is read there out of the
 * base by putting a link in the place of a folder in between.
 * @param top the base's real path
 * @param parts names of folders below it
 * @returns undefined where there is no such folder
 * @throws the file system's error
 */
export async function pinFolder(
  top: string,
  parts: readonly string[],
  calls: Calls | undefined
): Promise<Pinned | undefined> {
  const take = async (path: string) => {
    return calls ? await calls(() => open(path, FOLDER)) : fs.openSync(path, FOLDER)
  }
  let fd: number | undefined
  try {
    for (const path of [top, ...parts]) {
      const next = await take(fd === undefined ? path : `${pathOf(fd)}/${path}`)
      if (fd !== undefined) release(fd)
      fd = next
    }
  } catch (error) {
    if (fd !== undefined) release(fd)
    if (faultCode(error) === undefined || !isGone(error)) throw error
    return undefined
  }
  const last = fd as number
  return { path: pathOf(last), unpin: () => release(last) }
}

function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`
}

// What was never opened asks no file system when it is let go.
function release(fd: number): void {
  fs.closeSync(fd)
}
