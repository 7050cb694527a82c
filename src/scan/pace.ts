/** A pace is judged by so many answers for each call under way. */
const ROUNDS = 2
/** Half as many calls at once are as good if they bring this share of the answers; twice as many are better from this on. */
const AS_GOOD = 0.9
const BETTER = 1.1
/** A base that answers this share as fast as before has slowed down. */
const SLOWED = 0.5
/** What was found out holds for so many judgements, then it is tried again. */
const HOLD = 8

type Trial = 'fewer' | 'more'

/**
 * How many calls at once a base bears. It begins with as many as are allowed; where fewer bring as many answers in the same
 * time, as with remotes that pace or queue what they are asked, or that slowed down, it goes down to them, since more would
 * only wait, and keep others waiting. It tries more again from time to time.
 */
export class Pace {
  #most: number
  /** What is gone by, and the answers a millisecond that it brings. */
  #level: number
  #rate: number | undefined
  #trial: Trial | undefined
  #next: Trial = 'more'
  #hold = 0
  #answers = 0
  #since: number | undefined

  constructor(most: number) {
    this.#most = most
    this.#level = most
  }

  /** Calls at once. */
  get now(): number {
    if (this.#trial === 'fewer') return Math.floor(this.#level / 2)
    return this.#trial === 'more' ? Math.min(this.#level * 2, this.#most) : this.#level
  }

  /** There may be no more than so many. */
  bound(most: number): void {
    if (most === this.#most) return
    this.#most = most
    this.#level = most
    this.#rate = undefined
    this.#trial = undefined
    this.#since = undefined
  }

  /**
   * A call was answered.
   * @param atMs by a clock that never goes back
   * @param isBusy whether others wait for their turn; where none does it is not the base that sets the pace
   */
  answered(atMs: number, isBusy: boolean): void {
    if (!isBusy || this.#since === undefined) {
      this.#since = isBusy ? atMs : undefined
      this.#answers = 0
      return
    }
    if (++this.#answers < this.now * ROUNDS) return
    this.#judge(this.#answers / Math.max(0.001, atMs - this.#since))
    this.#since = atMs
    this.#answers = 0
  }

  #judge(rate: number): void {
    if (this.#trial) this.#judgeTrial(this.#trial, rate, this.#rate ?? rate)
    else if (this.#rate === undefined || rate < this.#rate * SLOWED) {
      this.#rate = rate
      this.#try('fewer')
    } else {
      this.#rate = rate
      if (--this.#hold <= 0) this.#try(this.#next)
    }
  }

  #judgeTrial(trial: Trial, rate: number, before: number): void {
    if (rate > before * (trial === 'fewer' ? AS_GOOD : BETTER)) {
      this.#level = this.now
      this.#rate = rate
      this.#try(trial)
    } else {
      this.#trial = undefined
      this.#next = trial === 'fewer' ? 'more' : 'fewer'
      this.#hold = HOLD
    }
  }

  #try(trial: Trial): void {
    const isPossible = trial === 'fewer' ? this.#level > 1 : this.#level < this.#most
    this.#trial = isPossible ? trial : undefined
    if (isPossible) return
    this.#next = trial === 'fewer' ? 'more' : 'fewer'
    this.#hold = HOLD
  }
}
