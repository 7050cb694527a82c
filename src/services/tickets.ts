import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { BuildResult, Ticket } from '../schemas/rebuild.js'
import type { Place } from './queue.js'

/** A ticket is kept so long after its build ended, in milliseconds. */
const KEEP_MS = 11 * 60_000
/** Beyond so many the oldest ones whose build has ended are forgotten sooner. */
const MAX_KEPT = 20_000
/** Likewise beyond so many warnings of all results that are kept, some hundred megabytes of them. */
const MAX_WARNINGS = 400_000

interface Kept {
  place: Place<unknown>
  /** Once its build has ended. */
  ended?: { at: number; ticket: Ticket }
}

/** The rebuilds that were asked for without waiting: one ticket for all who share a build. */
export class Tickets {
  readonly #now: () => number
  /** From the oldest on. */
  readonly #kept = new Map<string, Kept>()
  readonly #ids = new WeakMap<Place<unknown>, string>()
  /** How many results share a list of warnings. */
  readonly #lists = new Map<BuildResult['warnings'], number>()
  #warnings = 0
  #last: BuildResult['warnings'] = []

  /** @param now milliseconds, by a clock that is never set */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Notes a rebuild.
   * @param done settles as its build does
   * @returns the id to ask with
   */
  note(place: Place<unknown>, done: Promise<BuildResult>): string {
    const known = this.#ids.get(place)
    if (known !== undefined && this.#kept.has(known)) {
      done.catch(() => {}) // who came first hears of it
      return known
    }
    const id = randomUUID()
    const kept: Kept = { place }
    this.#ids.set(place, id)
    this.#kept.set(id, kept)
    this.#forgetOld()
    done.then(
      (result) => this.#end(kept, { id, state: 'done', result: this.#sharing(result) }),
      ({ code = 'RI_ERR_BUILD_FAILED', message }: { code?: string; message: string }) =>
        this.#end(kept, { id, state: 'failed', error: { code, message } })
    )
    return id
  }

  /** Where a rebuild stands; of one that has ended it is the same object each time. */
  find(id: string): Ticket | undefined {
    const kept = this.#kept.get(id)
    return (
      kept && (kept.ended?.ticket ?? { id, state: kept.place.state === 'waiting' ? 'waiting' : 'running' })
    )
  }

  #end(kept: Kept, ticket: Ticket): void {
    kept.ended = { at: this.#now(), ticket }
    this.#forgetOld()
  }

  /** Most builds have the same warnings as the one before: they are kept once. */
  #sharing(result: BuildResult): BuildResult {
    if (!isDeepStrictEqual(result.warnings, this.#last)) this.#last = result.warnings
    const uses = this.#lists.get(this.#last) ?? 0
    this.#lists.set(this.#last, uses + 1)
    if (uses === 0) this.#warnings += this.#last.length
    return Object.assign(result, { warnings: this.#last })
  }

  #forgetOld(): void {
    const tooOld = this.#now() - KEEP_MS
    for (const [id, { ended }] of this.#kept) {
      if (!ended) continue
      const isOver = this.#kept.size > MAX_KEPT || this.#warnings > MAX_WARNINGS
      if (!isOver && ended.at >= tooOld) return // builds end one after the other
      this.#kept.delete(id)
      if (ended.ticket.result) this.#release(ended.ticket.result.warnings)
    }
  }

  #release(list: BuildResult['warnings']): void {
    const uses = (this.#lists.get(list) ?? 1) - 1
    if (uses > 0) this.#lists.set(list, uses)
    else if (this.#lists.delete(list)) this.#warnings -= list.length
  }
}
