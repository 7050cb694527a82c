/** The wait after the first failure, and the longest one, in milliseconds. */
const FIRST_MS = 500
const LONGEST_MS = 30_000
/** What the service asks for is heeded up to so long, in milliseconds. */
const MOST_ASKED_MS = 300_000

/** Waits between tries: twice as long each time, and not in step with others. */
export class Patience {
  #failures = 0

  /** All is well again. */
  reset(): void {
    this.#failures = 0
  }

  /**
   * Waits before the next try.
   * @param atLeastMs what the service asks for
   */
  async wait(signal: AbortSignal | undefined, atLeastMs = 0): Promise<void> {
    const longest = Math.min(FIRST_MS * 2 ** this.#failures, LONGEST_MS)
    this.#failures = Math.min(this.#failures + 1, 16)
    await sleep(Math.max(Math.min(atLeastMs, MOST_ASKED_MS), longest * (0.5 + Math.random() / 2)), signal)
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
