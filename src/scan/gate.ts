import pLimit, { type LimitFunction } from 'p-limit'
import { Pace } from './pace.js'

/** A base did not answer in time. */
export class Silence extends Error {}

/**
 * The file calls of one base that can hang: so many at once as it bears, and watched. A base that gives no answer for the time
 * limit is left alone until it has answered every call that it owes.
 */
export class Gate {
  readonly #limit: LimitFunction
  readonly #pace: Pace
  #lastAnswerAt = 0
  #silentSince: number | undefined
  readonly #timeoutMs: number

  constructor(timeoutMs: number) {
    this.#limit = pLimit({ concurrency: 1, rejectOnClear: true })
    this.#pace = new Pace(1)
    this.#timeoutMs = timeoutMs
  }

  /** Since when the base owes answers past the time limit, in milliseconds since 1970. */
  get silentSince(): number | undefined {
    return this.#limit.activeCount > 0 ? this.#silentSince : undefined
  }

  /**
   * Does work whose file calls all go through the gate that it is handed.
   * @param most calls at once
   * @throws Silence when no call was answered for the time limit; calls of that work are refused from then on
   */
  async watch<T>(
    most: number,
    work: (gate: <R>(call: () => Promise<R>) => Promise<R>) => Promise<T>
  ): Promise<T> {
    if (this.silentSince !== undefined) throw new Silence()
    this.#pace.bound(most)
    this.#limit.concurrency = this.#pace.now
    if (this.#limit.activeCount === 0) {
      // What other work is owed already goes on being waited for from its own beginning.
      this.#silentSince = undefined
      this.#lastAnswerAt = performance.now()
    }
    let givenUp = false
    const done = work(async (call) => {
      if (givenUp) throw new Silence()
      return await this.#limit(() => this.#answered(call))
    })
    done.catch(() => {}) // after Silence nobody listens
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setInterval(
        () => {
          if (performance.now() - this.#lastAnswerAt < this.#timeoutMs) return
          givenUp = true
          this.#silentSince = Date.now() - this.#timeoutMs
          this.#limit.clearQueue()
          reject(new Silence())
        },
        Math.min(250, this.#timeoutMs / 4)
      )
    })
    try {
      return await Promise.race([done, silence])
    } finally {
      clearInterval(timer)
    }
  }

  async #answered<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await call()
    } finally {
      this.#lastAnswerAt = performance.now()
      this.#pace.answered(this.#lastAnswerAt, this.#limit.pendingCount > 0)
      if (this.#limit.concurrency !== this.#pace.now) this.#limit.concurrency = this.#pace.now
    }
  }
}
