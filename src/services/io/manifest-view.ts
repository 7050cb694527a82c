import { readFileSync, statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Status } from '../../schemas/manifest.js'
import { openManifest } from '../manifest.js'
import type { ManifestView, Seen } from '../reader.js'
import { readStatus, statusPathOf } from '../status.js'
import { absence } from './manifest-file.js'
import { readRegular } from './read-file.js'

/**
 * A view of a manifest on a local disk, where a stat costs some microseconds and can not hang.
 * @param limitMs reading it may take so long
 */
export function localManifestView(path: string, limitMs: number): ManifestView {
  const statusPath = statusPathOf(path)
  let seen = ''
  let seenStatus = ''
  let reading: { stamp: string; bytes: Promise<Buffer | Error> } | undefined
  return {
    isCurrent: () => seen === stampOf(path),
    async look(): Promise<Seen> {
      // A read that is late goes on; there is never a second one beside it.
      reading ??= { stamp: stampOf(path), bytes: readRegular(path).catch((error: Error) => error) }
      const { stamp, bytes } = reading
      const answer = await within(bytes, limitMs)
      if (answer === undefined)
        return { state: 'late', reason: `its file system gave no answer within ${limitMs} ms` }
      reading = undefined
      seen = stamp
      if (answer instanceof Error) return absence(answer)
      const opened = openManifest(answer)
      if (opened) return { state: 'ok', snapshot: opened.snapshot }
      return { state: 'corrupt', reason: 'it does not match its digest or its schema' }
    },
    lookAtStatus(): Status | undefined {
      const stamp = stampOf(statusPath)
      if (stamp === seenStatus) return undefined
      seenStatus = stamp
      return stamp.startsWith('file ') ? readStatusFile(statusPath) : undefined
    }
  }
}

function readStatusFile(path: string): Status | undefined {
  try {
    return readStatus(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

function stampOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) return 'missing'
    return `${stat.isFile() ? 'file' : 'other'} ${stat.ino}.${stat.size}.${stat.mtimeMs}.${stat.ctimeMs}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

/** How long a read may be seen to make no headway before it counts as hanging, as turns of the event loop. */
const GRACE_TURNS = 20

/**
 * What a call settles with; undefined when it takes longer. The time is that of the file system: on a busy machine the
 * timer may be due before an answer that came in time was looked at, so the event loop gets some turns first.
 */
async function within<T>(call: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  }).then(async () => {
    for (let turn = 0; turn < GRACE_TURNS; turn++) await setImmediate()
    return undefined
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}
