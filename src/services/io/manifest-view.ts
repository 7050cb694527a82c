import { basename, dirname } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Status } from '../../schemas/manifest.js'
import { openManifestSoon } from '../open-manifest.js'
import type { ManifestView, Seen, View } from '../reader.js'
import { readStatus, statusPathOf } from '../status.js'
import { absence } from './manifest-file.js'
import {
  isReplacedNow,
  type Look,
  type LookedAt,
  lookAtManifest,
  MISSING,
  stampNow
} from './manifest-look.js'
import { ManifestLooker } from './manifest-looker.js'
import { PinnedFolder } from './pinned-folder.js'
import { Turn } from './turn.js'

export interface ManifestViewOptions {
  /** The manifest's absolute path, links resolved, and whether it lies on a local disk; asked once a second at most. */
  place(): { path: string; local: boolean }
  /** The main module of the process that looks where looking can hang. */
  looker: URL
  /** A look may take so long, in milliseconds. */
  limitMs: number
  /** Milliseconds since 1970. */
  now(): number
}

/** What lies where may have changed after so many milliseconds. */
const PLACE_MS = 1000
/**
 * A manifest takes its place by a rename, which its folder's time tells; not that of two renames in one tick of the file
 * system's clock, so the time has to be so old, in milliseconds. Where a file was written over as it stands its own time
 * tells, which is looked at so often besides.
 */
const QUIET_MS = 3000
const FILES_MS = 2

/**
 * The manifest as the serving process sees it. On a local disk it looks itself: a stat costs two microseconds and can not
 * hang. Elsewhere a process that can be left behind looks for it. There is never a second look while one is late.
 */
export function manifestView({ place, looker: main, limitMs, now }: ManifestViewOptions): ManifestView {
  const late: Seen = { state: 'late', reason: `its file system gave no answer within ${limitMs} ms` }
  let signs = 0
  const onSign = () => {
    signs++
  }
  const looker = new ManifestLooker(main, onSign)
  const folder = new PinnedFolder()
  let where: ReturnType<typeof place>
  let settledAt: number
  let wasRemote = false
  let lookedAt: LookedAt = { stamp: '', statusStamp: '' }
  let seen: Seen = late
  /** What the last look told: what a late one found is still to be told when it has come. */
  let told: Seen | undefined
  let status: Status | undefined
  let pending: Promise<boolean> | undefined
  let isLate = false
  const turn = new Turn()
  let filesAt = Number.NEGATIVE_INFINITY
  let isQuiet = false
  let expected: string | undefined

  const settle = () => {
    isQuiet = false
    if (pending) return // a look under way goes by what is pinned
    settledAt = performance.now()
    where = place()
    wasRemote ||= !where.local
    // Right behind the look at what is mounted where.
    if (where.local) folder.pin(dirname(where.path))
    else folder.release()
  }
  settle()

  /** A local path where a mount was is not the manifest's place. */
  const hasFallen = () => wasRemote && where.local
  const localPath = () => folder.pathOf(basename(where.path))

  const take = async (look: Look) => {
    // Its file system has answered, however long it takes to open what it said.
    const alive = setInterval(onSign, limitMs / 3)
    const next = await seenIn(look.manifest).finally(() => clearInterval(alive))
    lookedAt = {
      stamp: look.stamp,
      statusStamp: look.statusStamp,
      ...(look.tail !== undefined && { tail: look.tail })
    }
    if (next) {
      // Told again as one and the same, so that it is said once.
      const isSame = next.state !== 'ok' && next.state === seen.state && next.reason === seen.reason
      if (!isSame || next.state === 'corrupt') seen = next
    }
    if (look.status !== undefined) status = readStatus(look.status) ?? status
    return true
  }

  /** What a late look tells is taken, too, when it comes. */
  const ask = (): Promise<boolean> => {
    const look = where.local
      ? lookAtManifest(localPath(), lookedAt, now(), onSign, true)
      : looker.look(where.path, lookedAt, now())
    pending = look
      .then(take, () => false)
      .finally(() => {
        pending = undefined
        isLate = false
      })
    return pending
  }

  const inTime = async (look: Promise<boolean>): Promise<boolean> => {
    const answer = await within(look, limitMs, () => signs)
    if (answer === undefined) isLate = true
    return answer ?? false
  }

  const isAsSeen = (at: number) => {
    if (isQuiet && at - filesAt < FILES_MS) return true
    const path = localPath()
    const stamp = stampNow(path)
    if (expected !== undefined && stamp !== lookedAt.stamp && stamp.startsWith(expected)) return true
    const isSame =
      lookedAt.stamp === stamp &&
      lookedAt.statusStamp === stampNow(statusPathOf(path)) &&
      !isReplacedNow(path, lookedAt, now())
    filesAt = at
    isQuiet = isSame && folder.quietSince !== undefined && now() - folder.quietSince > QUIET_MS
    return isSame
  }

  const isCurrent = () => {
    const at = performance.now()
    // A folder that was made anew is another one than was pinned.
    if (at - settledAt > PLACE_MS || lookedAt.stamp === MISSING || folder.hasChanged) settle()
    if (isLate) return true // nothing new can be told
    if (hasFallen()) return seen === fallen
    return where.local && told === seen && isAsSeen(at)
  }

  return {
    isCurrent(caller) {
      if (turn.covers(caller)) return true
      const isSame = isCurrent()
      if (isSame) turn.begin(caller)
      else turn.end()
      return isSame
    },
    async look(): Promise<View> {
      settle()
      if (hasFallen()) {
        seen = fallen
        told = seen
        lookedAt = { stamp: '', statusStamp: '' }
        return { seen }
      }
      if (!where.local) await looker.start()
      // A look that began before this one was asked for may tell what is too old for it.
      const done = (pending === undefined || (await inTime(pending))) && (await inTime(ask()))
      told = done ? seen : late
      return { seen: told, ...(status && { status }) }
    },
    expect(sign) {
      expected = sign
    },
    get canBeLate() {
      return !where.local
    },
    close() {
      looker.stop()
      folder.release()
    }
  }
}

const fallen: Seen = { state: 'missing', reason: 'its mount fell away' }

async function seenIn(manifest: Look['manifest']): Promise<Seen | undefined> {
  if (manifest === undefined) return undefined
  if (!Buffer.isBuffer(manifest)) return absence(manifest)
  const opened = await openManifestSoon(manifest)
  if (opened) return { state: 'ok', snapshot: opened.snapshot }
  return { state: 'corrupt', reason: 'it does not match its digest or its schema' }
}

/** How long a look may be seen to make no headway before it counts as hanging, as turns of the event loop. */
const GRACE_TURNS = 20

/**
 * What a call settles with; undefined when nothing was heard of it for so long. The time is that of the file system: on a
 * busy machine the timer may be due before an answer that came in time was looked at, so the event loop gets some turns
 * first.
 */
async function within<T>(call: Promise<T>, limitMs: number, signs: () => number): Promise<T | undefined> {
  const over = new AbortController()
  const silence = async (): Promise<undefined> => {
    for (let before = -1; before !== signs(); ) {
      before = signs()
      await sleep(limitMs, undefined, { signal: over.signal })
      for (let turn = 0; turn < GRACE_TURNS; turn++) await setImmediate()
    }
  }
  try {
    return await Promise.race([call, silence().catch(() => undefined)])
  } finally {
    over.abort()
  }
}
