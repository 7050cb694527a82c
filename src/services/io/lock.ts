import { setTimeout as sleep } from 'node:timers/promises'
import { LockTaken } from '../errors.js'
import { type Attempt, BUILDING, type LockPlace, PLACING, tryLock } from './lock-file.js'

/** How long the lock is waited for. */
export interface Patience {
  /** Milliseconds. */
  ms: number
  /** Ends the waiting. */
  signal: AbortSignal
  /** Told again and again while it is waited for, with the milliseconds since then. */
  onWait?(ms: number): void
}

/** One builder at a time among those that share a manifest. */
export interface Lock {
  /**
   * Waits for the lock, does the work, and gives the lock back.
   * @param instead asked each time that the lock has changed hands: what it gives makes the work needless
   * @throws LockTaken when patience is over
   */
  hold<T>(work: () => Promise<T>, instead: () => Promise<T | undefined>, patience: Patience): Promise<T>
}

/** So often a lock is tried, in milliseconds: at first, and after a while. */
const TRY_MS = 5
const TRY_LATER_MS = 25
const SOON_MS = 1000
/** Who replaces a manifest is done in a moment, unless it is stopped in it; milliseconds. */
const PLACING_MS = 5000

/**
 * A lock of the kernel on a file beside the manifest, `.NAME.lock`: it is the same one by whatever path or from whatever
 * container the file is opened, it goes with its owner, and only who may write in the manifest's folder can take it. Where the
 * manifest lies on a mount, or its folder is not there yet, the file lies in a folder of this user's. Where no lock is to be had
 * nothing keeps builders apart but that none replaces a manifest that it did not begin from.
 */
export function fileLock(place: LockPlace): Lock {
  return {
    async hold(work, instead, patience) {
      const waiting = new Waiting(patience)
      for (let owner: string | undefined; ; ) {
        const attempt = tryLock(place, BUILDING)
        if (isOver(attempt)) return await release(attempt, work)
        if (owner !== undefined && owner !== attempt.owner) {
          const done = await instead()
          if (done !== undefined) {
            await freed(place, waiting)
            return done
          }
        }
        owner = attempt.owner
        await waiting.pause()
      }
    }
  }
}

/** Does something while nobody else replaces the manifest, as far as a lock keeps others apart. */
export function placeLock(place: () => LockPlace): <T>(work: () => Promise<T>) => Promise<T> {
  return async (work) => {
    const waiting = new Waiting({ ms: PLACING_MS, signal: new AbortController().signal })
    for (;;) {
      const attempt = tryLock(place(), PLACING)
      if (isOver(attempt)) return await release(attempt, work)
      await waiting.pause()
    }
  }
}

type Over = Exclude<Attempt, { owner: string }>

function isOver(attempt: Attempt): attempt is Over {
  return attempt === 'none' || !('owner' in attempt)
}

async function release<T>(attempt: Over, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    if (attempt !== 'none') attempt.release()
  }
}

/** Who has just built may hold the lock still, and serve the listing before until it has taken its own over. */
async function freed(place: LockPlace, waiting: Waiting): Promise<void> {
  for (let owner: string | undefined; ; ) {
    const attempt = tryLock(place, BUILDING)
    if (isOver(attempt)) return await release(attempt, async () => {})
    if (owner !== undefined && owner !== attempt.owner) return
    owner = attempt.owner
    await waiting.pause()
  }
}

class Waiting {
  readonly #patience: Patience
  readonly #since = performance.now()

  constructor(patience: Patience) {
    this.#patience = patience
  }

  /** @throws LockTaken when patience is over */
  async pause(): Promise<void> {
    const { ms, signal, onWait } = this.#patience
    const waited = performance.now() - this.#since
    onWait?.(waited)
    if (waited < ms && !signal.aborted) {
      await sleep(waited < SOON_MS ? TRY_MS : TRY_LATER_MS, undefined, { signal }).catch(() => {})
      if (!signal.aborted) return
    }
    throw new LockTaken('another process builds, and does not come to an end; is it stopped?')
  }
}
