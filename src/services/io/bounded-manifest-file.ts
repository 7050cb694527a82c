import { setTimeout as sleep } from 'node:timers/promises'
import type { ManifestFile } from './manifest-file.js'

export interface Bounds {
  /** A call may take so long where it can hang, in milliseconds; one whose answer is only a short cut, `shortMs`. */
  limitMs: number
  shortMs: number
  /** Whether calls on the manifest can hang. */
  canHang(): boolean
  /** Whether the manifest's place lies on a disk of this machine. */
  isLocal(): boolean
  /** Whether it is known to have lain on a mount. */
  wasRemote: boolean
  /** Whether who asked for it is still there: else nothing is written or removed any more. */
  isWanted(): boolean
}

/**
 * A manifest whose file system may hang, or fall away. A call that is late is not waited for; until it has been answered
 * there is no other. A late write is called off before it takes the manifest's place.
 */
export function boundedManifestFile(file: ManifestFile, bounds: Bounds): ManifestFile {
  const { limitMs, shortMs, canHang, isLocal } = bounds
  let owes = false
  let wasRemote = bounds.wasRemote || !isLocal()

  const bounded = async <T>(call: (isWanted: () => boolean) => Promise<T>, ms = limitMs): Promise<T> => {
    if (owes) throw late()
    let wanted = true
    const done = call(() => wanted && bounds.isWanted())
    if (!canHang()) return await done
    const over = new AbortController()
    const timer = sleep(ms, undefined, { signal: over.signal }).then(
      () => {
        wanted = false
        owes = true
        const settle = () => {
          owes = false
        }
        done.then(settle, settle)
        throw late()
      },
      () => done
    )
    try {
      return await Promise.race([done, timer])
    } finally {
      over.abort()
    }
  }

  /** A folder that is left when a mount fell away is not the manifest's place: the mount needs it empty to come back. */
  const refuseFallen = () => {
    const local = isLocal()
    if (wasRemote && local)
      throw Object.assign(new Error('its mount fell away'), { code: 'RI_ERR_MOUNT_GONE' })
    wasRemote = !local
  }

  return {
    stamps: () =>
      bounded(() => file.stamps(), shortMs).catch(() => ({ manifest: undefined, status: undefined })),
    read: () =>
      bounded(() => file.read()).catch(() => ({
        state: 'late' as const,
        reason: 'it gives no answer',
        stamp: undefined
      })),
    readStatus: () => bounded(() => file.readStatus(), shortMs).catch(() => undefined),
    write: (bytes, replacement) =>
      bounded((isWanted) => {
        refuseFallen()
        return file.write(bytes, replacement, isWanted)
      }),
    writeStatus: (status, manifest) => bounded((isWanted) => file.writeStatus(status, manifest, isWanted)),
    sweep: () => bounded((isWanted) => file.sweep(isWanted))
  }
}

function late(): Error {
  return Object.assign(new Error('its file system gives no answer'), { code: 'RI_ERR_LATE' })
}
