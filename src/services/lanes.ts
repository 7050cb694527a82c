/** Does one piece of work after the other; what is slow waits for all that is not. */
export class Lanes {
  readonly #quick: (() => Promise<void>)[] = []
  readonly #slow: (() => Promise<void>)[] = []
  #isAtWork = false

  run<R>(isSlow: boolean, work: () => Promise<R>): Promise<R> {
    const lane = isSlow ? this.#slow : this.#quick
    const done = new Promise<R>((resolve, reject) => {
      lane.push(() => work().then(resolve, reject))
    })
    if (!this.#isAtWork) void this.#doAll()
    return done
  }

  async #doAll(): Promise<void> {
    this.#isAtWork = true
    await Promise.resolve() // what is asked for is not begun before the caller has been told of it
    for (let next = this.#next(); next; next = this.#next()) await next()
    this.#isAtWork = false
  }

  #next(): (() => Promise<void>) | undefined {
    return this.#quick.shift() ?? this.#slow.shift()
  }
}
