import { Busy } from './errors.js'

/** Who asks for work. */
export interface Asker {
  /** Work of one caller takes turns with that of others, whoever came first: a connection, or the request itself. */
  caller: object
  /** The caller has gone. */
  signal: AbortSignal
}

/** Who stays until the work is done. */
export function anyone(): Asker {
  return { caller: {}, signal: new AbortController().signal }
}

interface Waiting {
  begin(): void
  refuse(): void
}

/** Does work for many callers: a few at once, one of each caller in turn, and no more of it waits than there is room for. */
export class FairQueue {
  readonly #atOnce: number
  readonly #maxWaiting: number
  readonly #what: string
  /** In the order of their turns; who has had one comes last. */
  readonly #callers = new Map<object, Set<Waiting>>()
  #running = 0
  #waiting = 0

  /** @param what waits, for the caller that there is no room for */
  constructor({ atOnce, maxWaiting, what }: { atOnce: number; maxWaiting: number; what: string }) {
    this.#atOnce = atOnce
    this.#maxWaiting = maxWaiting
    this.#what = what
  }

  /**
   * Does work when its turn has come.
   * @throws Busy where there is no room, or the caller has gone before its turn
   */
  async run<R>({ caller, signal }: Asker, work: () => Promise<R>): Promise<R> {
    if (signal.aborted) throw new Busy(GONE)
    if (this.#waiting >= this.#maxWaiting && !this.#makeRoom(caller)) throw this.#busy()
    if (this.#running >= this.#atOnce) await this.#turn(caller, signal)
    else this.#running++
    try {
      return await work()
    } finally {
      this.#running--
      this.#beginNext()
    }
  }

  #busy(): Error {
    return new Busy(`${this.#waiting} ${this.#what}`)
  }

  /** Refuses the last work of the caller for whom most waits, where that is more than what waits for this one. */
  #makeRoom(caller: object): boolean {
    let most: [object, Set<Waiting>] | undefined
    for (const each of this.#callers) if (!most || each[1].size > most[1].size) most = each
    const own = this.#callers.get(caller)?.size ?? 0
    const last = most && own + 1 < most[1].size ? [...most[1]].at(-1) : undefined
    last?.refuse()
    return last !== undefined
  }

  #turn(caller: object, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#forget(caller, waiting)
        reject(new Busy(GONE))
      }
      const waiting = {
        begin: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
        refuse: () => {
          signal.removeEventListener('abort', leave)
          this.#forget(caller, waiting)
          reject(this.#busy())
        }
      }
      signal.addEventListener('abort', leave)
      const own = this.#callers.get(caller) ?? new Set()
      this.#callers.set(caller, own.add(waiting))
      this.#waiting++
    })
  }

  #beginNext(): void {
    const [next] = this.#callers
    if (!next) return
    const [caller, own] = next
    const [waiting] = own
    if (!waiting) return
    this.#forget(caller, waiting)
    if (own.size > 0) {
      this.#callers.delete(caller)
      this.#callers.set(caller, own)
    }
    this.#running++
    waiting.begin()
  }

  #forget(caller: object, waiting: Waiting): void {
    const own = this.#callers.get(caller)
    if (!own?.delete(waiting)) return
    this.#waiting--
    if (own.size === 0) this.#callers.delete(caller)
  }
}

const GONE = 'who asked has gone'
