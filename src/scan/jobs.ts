/** So many jobs are under way at once: more than calls, so that a call never waits for a job. */
const MAX_UNDER_WAY = 256

/** Runs jobs that bring forth more jobs side by side, the newest first, so few of them wait. */
export class Jobs {
  readonly #waiting: (() => Promise<void>)[] = []
  #underWay = 0
  #settle: { resolve(): void; reject(error: unknown): void } | undefined

  /** Adds a job, to begin as soon as there is room. */
  add(job: () => Promise<void>): void {
    this.#waiting.push(job)
    if (this.#settle) this.#begin()
  }

  /**
   * Begins; resolves when no job is left.
   * @throws the first error of a job; no other job begins then
   */
  async run(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#begin()
    })
  }

  #begin(): void {
    while (this.#underWay < MAX_UNDER_WAY) {
      const job = this.#waiting.pop()
      if (!job) break
      this.#underWay++
      job().then(
        () => this.#ended(),
        (error: unknown) => {
          this.#waiting.length = 0
          this.#underWay--
          this.#settle?.reject(error)
        }
      )
    }
    if (this.#underWay === 0) this.#settle?.resolve()
  }

  #ended(): void {
    this.#underWay--
    this.#begin()
  }
}
