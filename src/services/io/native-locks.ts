import { createRequire } from 'node:module'

/**
 * Locks of the kernel on parts of an open file: they belong to the open file, not to the process, and go with it, however that
 * ends.
 */
export interface NativeLocks {
  /**
   * @param fd open for writing
   * @returns whether the lock was granted
   * @throws the file system's error, where it has no such locks
   */
  tryLock(fd: number, offset: number, length: number): boolean
  unlock(fd: number, offset: number, length: number): void
}

let loaded: NativeLocks | undefined
let isTried = false

/** Undefined where this system has no such locks, or no build of the add-on is to be had for it. */
export function nativeLocks(): NativeLocks | undefined {
  if (!isTried && process.platform === 'linux') {
    try {
      loaded = createRequire(import.meta.url)('fs-native-extensions')
    } catch {
      loaded = undefined
    }
  }
  isTried = true
  return loaded
}
