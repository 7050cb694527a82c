type Work = () => Promise<void>

/** Does one piece of work after the other, one of each caller in turn; what is slow waits for all that is not. */
export class Lanes {
  readonly #quick = new Lane()
  readonly #slow = new Lane()
  #isAtWork = false

  run<R>(isSlow: boolean, caller: object, work: () => Promise<R>): Promise<R> {
    const lane = isSlow ? this.#slow : this.#quick
    const done = new Promise<R>((resolve, reject) => {
      lane.push(caller, () => work().then(resolve, reject))
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

  #next(): Work | undefined {
    return this.#quick.shift() ?? this.#slow.shift()
  }
}

/** Work of many callers, in turns. */
class Lane {
  readonly #callers = new Map<object, Work[]>()

  push(caller: object, work: Work): void {
    const own = this.#callers.get(caller) ?? []
    own.push(work)
    this.#callers.set(caller, own)
  }

  shift(): Work | undefined {
    const [next] = this.#callers
    if (!next) return undefined
    const [caller, own] = next
    const work = own.shift()
    this.#callers.delete(caller)
    if (own.length > 0) this.#callers.set(caller, own) // behind all others
    return work
  }
}
