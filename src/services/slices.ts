import { setImmediate } from 'node:timers/promises'

/** Other work gets a turn after so many milliseconds of all that is done in slices. */
const SLICE_MS = 5

interface Work {
  signal: AbortSignal | undefined
  next(): IteratorResult<void, unknown>
  resolve(result: unknown): void
  reject(error: unknown): void
}

const works: Work[] = []
let isAtWork = false

/**
 * Does long work in slices between which other requests are answered. What is asked for side by side takes turns within the
 * same time, so that much of it makes others wait no longer.
 * @param work pauses wherever it may be interrupted, some ten thousand times a second
 * @param signal nobody wants it any more; it is rejected with the signal's reason then
 */
export function inSlices<R>(work: Generator<void, R>, signal?: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    works.push({ signal, next: () => work.next(), resolve: (result) => resolve(result as R), reject })
    if (!isAtWork) void doAll()
  })
}

/** Does work at once that could be done in slices. */
export function runThrough<R>(work: Generator<void, R>): R {
  let step = work.next()
  while (!step.done) step = work.next()
  return step.value
}

async function doAll(): Promise<void> {
  isAtWork = true
  let pauseAt = performance.now() + SLICE_MS
  for (let work = works.shift(); work; work = works.shift()) {
    if (!doSome(work, pauseAt)) works.push(work)
    if (performance.now() < pauseAt) continue
    await setImmediate()
    pauseAt = performance.now() + SLICE_MS
  }
  isAtWork = false
}

/** @returns whether it is done */
function doSome({ signal, next, resolve, reject }: Work, until: number): boolean {
  try {
    signal?.throwIfAborted()
    let result = next()
    while (!result.done && performance.now() < until) result = next()
    if (result.done) resolve(result.value)
    return result.done === true
  } catch (error) {
    reject(error)
    return true
  }
}
