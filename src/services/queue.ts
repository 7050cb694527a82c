/** Where a request stands. */
export interface Place<R> {
  state: 'waiting' | 'running' | 'done' | 'failed'
  done: Promise<R>
}

interface Waiting<J, R> {
  job: J
  /** Who asked for it. */
  requests: number
  place: Place<R>
  resolve(result: R): void
  reject(error: unknown): void
}

/**
 * One job runs, one waits. A request is covered by a job that began after it came, so it joins the one that waits,
 * never the one that runs.
 */
export class Queue<J, R> {
  readonly #run: (job: J) => Promise<R>
  readonly #merge: (a: J, b: J) => J
  #running: Waiting<J, R> | undefined
  #waiting: Waiting<J, R> | undefined
  #closed: Error | undefined

  /**
   * @param run does a job
   * @param merge makes one job that covers both
   */
  constructor(run: (job: J) => Promise<R>, merge: (a: J, b: J) => J) {
    this.#run = run
    this.#merge = merge
  }

  /** What runs now. */
  get running(): Place<R> | undefined {
    return this.#running?.place
  }

  /** What waits, and for how many. */
  get waiting(): { job: J; requests: number } | undefined {
    return this.#waiting
  }

  /** Asks for a job; who asks for the same one shares the place. */
  request(job: J): Place<R> {
    const waiting = this.#waiting ? this.#join(this.#waiting, job) : this.#line(job)
    if (this.#closed) this.#fail(waiting, this.#closed)
    else if (!this.#running) void this.#start()
    return waiting.place
  }

  /** Refuses what waits and all that comes; what runs is the caller's to end. */
  close(reason: Error): void {
    this.#closed = reason
    if (this.#waiting) this.#fail(this.#waiting, reason)
  }

  #join(waiting: Waiting<J, R>, job: J): Waiting<J, R> {
    waiting.job = this.#merge(waiting.job, job)
    waiting.requests++
    return waiting
  }

  #line(job: J): Waiting<J, R> {
    let resolve: (result: R) => void = () => {}
    let reject: (error: unknown) => void = () => {}
    const done = new Promise<R>((yes, no) => {
      resolve = yes
      reject = no
    })
    done.catch(() => {}) // nobody need listen
    this.#waiting = { job, requests: 1, place: { state: 'waiting', done }, resolve, reject }
    return this.#waiting
  }

  #fail(waiting: Waiting<J, R>, error: unknown): void {
    if (this.#waiting === waiting) this.#waiting = undefined
    waiting.place.state = 'failed'
    waiting.reject(error)
  }

  async #start(): Promise<void> {
    for (let next = this.#waiting; next; next = this.#waiting) {
      this.#waiting = undefined
      this.#running = next
      next.place.state = 'running'
      try {
        const result = await this.#run(next.job)
        next.place.state = 'done'
        next.resolve(result)
      } catch (error) {
        this.#fail(next, error)
      }
    }
    this.#running = undefined
  }
}
