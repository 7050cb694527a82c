import { setImmediate } from 'node:timers/promises'

/** Other work gets a turn after so many milliseconds. */
const SLICE_MS = 5

/**
 * Does long work in slices between which other requests are answered.
 * @param work pauses wherever it may be interrupted, some ten thousand times a second
 */
export async function inSlices<R>(work: Generator<void, R>): Promise<R> {
  let pauseAt = performance.now() + SLICE_MS
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (performance.now() < pauseAt) continue
    await setImmediate()
    pauseAt = performance.now() + SLICE_MS
  }
}
