import { isDeepStrictEqual } from 'node:util'
import type { BuildResult, Ticket } from '../schemas/rebuild.js'
import { Busy } from './errors.js'
import type { Place } from './queue.js'

/** A ticket is kept so long after its build ended, in milliseconds. */
const KEEP_MS = 11 * 60_000
const MOST_KEPT = 20_000
/** Warnings of all results that are kept, some hundred megabytes of them. */
const MOST_WARNINGS = 400_000

interface Kept {
  place: Place<unknown>
  result?: BuildResult
  error?: { code: string; message: string }
  endedAt?: number
}

/** The rebuilds that were asked for without waiting. */
export class Tickets {
  readonly #now: () => number
  readonly #kept = new Map<string, Kept>()
  #last: BuildResult['warnings'] = []

  /** @param now milliseconds, by a clock that is never set */
  constructor(now: () => number) {
    this.#now = now
  }

  /** @throws Busy where there is no room for another one */
  checkRoom(): void {
    this.#forgetOld()
    if (this.#kept.size >= MOST_KEPT || this.#warnings() > MOST_WARNINGS)
      throw new Busy(`${this.#kept.size} rebuilds are remembered`)
  }

  /** Notes a rebuild under an id; `done` settles as its build does. */
  note(id: string, place: Place<unknown>, done: Promise<BuildResult>): void {
    const kept: Kept = { place }
    this.#kept.set(id, kept)
    const end = (told: Partial<Kept>) => Object.assign(kept, told, { endedAt: this.#now() })
    done.then(
      (result) => end({ result: this.#sharing(result) }),
      (error: { code?: string; message: string }) =>
        end({ error: { code: error.code ?? 'RI_ERR_BUILD_FAILED', message: error.message } })
    )
  }

  /** Most builds have the same warnings as the one before: they are kept once. */
  #sharing(result: BuildResult): BuildResult {
    if (isDeepStrictEqual(result.warnings, this.#last)) return { ...result, warnings: this.#last }
    this.#last = result.warnings
    return result
  }

  #warnings(): number {
    const lists = new Set([...this.#kept.values()].map(({ result }) => result?.warnings ?? []))
    return [...lists].reduce((total, { length }) => total + length, 0)
  }

  find(id: string): Ticket | undefined {
    const kept = this.#kept.get(id)
    if (!kept) return undefined
    const { place, result, error } = kept
    if (result) return { id, state: 'done', result }
    if (error) return { id, state: 'failed', error }
    return { id, state: place.state === 'waiting' ? 'waiting' : 'running' }
  }

  #forgetOld(): void {
    for (const [id, { endedAt }] of this.#kept) {
      if (endedAt !== undefined && endedAt < this.#now() - KEEP_MS) this.#kept.delete(id)
    }
  }
}
