import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openManifest } from '../manifest.js'
import type { ManifestView } from '../reader.js'
import { readStatus, statusPathOf } from '../status.js'
import { absence } from './manifest-file.js'

/**
 * A view of a manifest on a local disk, where a stat costs some microseconds and can not hang.
 * @param limitMs reading it may take so long
 */
export function localManifestView(path: string, limitMs: number): ManifestView {
  const statusPath = statusPathOf(path)
  let seen = ''
  let seenStatus = ''
  return {
    isCurrent: () => seen === stampOf(path),
    async look() {
      const stamp = stampOf(path)
      const bytes = await within(readFile(path), limitMs)
      seen = bytes === undefined ? '' : stamp
      if (bytes === undefined)
        return { state: 'late', reason: `its file system gave no answer within ${limitMs} ms` }
      if (bytes instanceof Error) return absence(bytes)
      const opened = openManifest(bytes)
      if (opened) return { state: 'ok', snapshot: opened.snapshot }
      return { state: 'corrupt', reason: 'it does not match its digest or its schema' }
    },
    lookAtStatus() {
      const stamp = stampOf(statusPath)
      if (stamp === seenStatus) return undefined
      seenStatus = stamp
      try {
        return readStatus(readFileSync(statusPath, 'utf8'))
      } catch {
        return undefined
      }
    }
  }
}

function stampOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat ? `${stat.ino}.${stat.size}.${stat.mtimeMs}.${stat.ctimeMs}` : 'missing'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

/** A call's result or its error; undefined when it takes longer. */
async function within<T>(call: Promise<T>, limitMs: number): Promise<T | Error | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined)
  })
  try {
    return await Promise.race([call, late])
  } catch (error) {
    return error as Error
  } finally {
    clearTimeout(timer)
  }
}
