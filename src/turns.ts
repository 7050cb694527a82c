/** At most so many requests that waited are begun before others have their turn. */
const MAX_AT_ONCE = 16

/** Gives those that wait their turns, one after the other, a few in each turn of the event loop. */
export class Turns<T extends { beginNext(): boolean }> {
  readonly #waiting = new Set<T>()
  #isPlanned = false

  /** Has `beginNext` called, and again for as long as it says that there is more. */
  ask(one: T): void {
    this.#waiting.add(one)
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => this.#give())
  }

  #give(): void {
    this.#isPlanned = false
    let left = MAX_AT_ONCE
    for (const one of this.#waiting) {
      this.#waiting.delete(one)
      if (one.beginNext()) this.ask(one) // behind all others
      if (--left === 0) break
    }
    const [next] = this.#waiting
    if (next) this.ask(next)
  }
}
