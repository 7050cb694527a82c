import pLimit, { type LimitFunction } from 'p-limit'
import { makeFault } from './faults.js'
import { Pace } from './pace.js'

/** A base did not answer in time. */
export class Silence extends Error {}

/** A call that is under way. */
interface Call {
  began: number
  /** Takes it for one that is never answered, and lets another have its place. */
  giveUp(): void
}

/** Resolves when a call that was given up has been answered after all. */
const answers = new WeakMap<object, Promise<void>>()

/** When a call that failed since it was late is answered; undefined for any other error. */
export function answerTo(error: unknown): Promise<void> | undefined {
  return answers.get(error as object)
}

/**
 * The file calls of one base that can hang: so many at once as it bears, and watched. A base that gives no answer for the time
 * limit is left alone until it has answered the calls that it owes. A call that is late while others are answered is given
 * up alone: it fails, and its thread is held until it is answered. So no more than half of the calls may be given up.
 */
export class Gate {
  readonly #limit: LimitFunction
  readonly #pace: Pace
  readonly #calls = new Set<Call>()
  readonly #timeoutMs: number
  #most = 1
  #stuck = 0
  #lastAnswerAt = 0
  #probedAt = 0
  #silentSince: number | undefined

  constructor(timeoutMs: number) {
    this.#limit = pLimit({ concurrency: 1, rejectOnClear: true })
    this.#pace = new Pace(1)
    this.#timeoutMs = timeoutMs
  }

  /** Since when the base owes answers past the time limit, in milliseconds since 1970. */
  get silentSince(): number | undefined {
    return this.#calls.size > 0 ? this.#silentSince : undefined
  }

  /**
   * Does work whose file calls all go through the gate that it is handed.
   * @param most calls at once
   * @param probe asks the base for something else, to tell one late call from a base that gives no answer
   * @throws Silence when no call was answered for the time limit; calls of that work are refused from then on
   */
  async watch<T>(
    most: number,
    work: (gate: <R>(call: () => Promise<R>) => Promise<R>) => Promise<T>,
    probe?: () => Promise<unknown>
  ): Promise<T> {
    if (this.silentSince !== undefined) throw new Silence()
    this.#most = most
    this.#pace.bound(most)
    this.#adapt()
    if (this.#calls.size === 0) {
      // What other work is owed already goes on being waited for from its own beginning.
      this.#silentSince = undefined
      this.#lastAnswerAt = performance.now()
    }
    let givenUp = false
    const done = work(async (call) => {
      if (givenUp) throw new Silence()
      return await this.#limit(() => this.#ask(call))
    })
    done.catch(() => {}) // after Silence nobody listens
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setInterval(
        () => {
          if (!this.#isSilent(performance.now(), probe)) return
          givenUp = true
          this.#silentSince ??= Date.now() - this.#timeoutMs
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

  /** Looks at the calls under way, and gives up those that are late alone. */
  #isSilent(now: number, probe: (() => Promise<unknown>) | undefined): boolean {
    const late = [...this.#calls].filter(({ began }) => now - began >= this.#timeoutMs)
    if (now - this.#lastAnswerAt >= this.#timeoutMs && late.length > 0) return true
    // Answers that came right after a call began may be the last ones before the base fell silent.
    const alone = late.filter(({ began }) => this.#lastAnswerAt - began >= this.#timeoutMs / 2)
    for (const call of alone) {
      if (this.#stuck >= this.#mostStuck) return true
      call.giveUp()
    }
    if (probe && this.#isProbeDue(now)) {
      this.#probedAt = now
      void this.#ask(probe).catch(() => {})
    }
    return false
  }

  get #mostStuck(): number {
    return Math.floor(this.#most / 2)
  }

  /** When a call has not been answered for half of its time, nor any other, and one more may be under way. */
  #isProbeDue(now: number): boolean {
    const half = this.#timeoutMs / 2
    const isQuiet = now - this.#lastAnswerAt >= half && now - this.#probedAt >= half
    return isQuiet && this.#calls.size > 0 && this.#calls.size + this.#stuck < this.#most
  }

  async #ask<R>(call: () => Promise<R>): Promise<R> {
    return await new Promise<R>((resolve, reject) => {
      let isStuck = false
      const ended = () => {
        this.#calls.delete(asked)
        if (isStuck) this.#stuck--
        this.#answered()
      }
      const answered = call().then(resolve, reject).finally(ended)
      const asked: Call = {
        began: performance.now(),
        giveUp: () => {
          isStuck = true
          this.#stuck++
          this.#calls.delete(asked)
          this.#adapt()
          const error = makeFault('RI_ERR_NO_ANSWER')
          answers.set(error, answered)
          reject(error)
        }
      }
      this.#calls.add(asked)
    })
  }

  #answered(): void {
    this.#lastAnswerAt = performance.now()
    this.#pace.answered(this.#lastAnswerAt, this.#limit.pendingCount > 0)
    // A base that answers again may have lost some of what it was asked.
    if (this.#silentSince !== undefined && this.#calls.size + this.#stuck <= this.#mostStuck)
      for (const call of this.#calls) call.giveUp()
    this.#adapt()
  }

  #adapt(): void {
    const concurrency = Math.max(1, Math.min(this.#pace.now, this.#most - this.#stuck))
    if (this.#limit.concurrency !== concurrency) this.#limit.concurrency = concurrency
  }
}
