import type { BuildResult, Ticket } from '../schemas/rebuild.js'
import type { Place } from './queue.js'

/** A ticket is kept so long after its build ended, in milliseconds. */
const KEEP_MS = 15 * 60_000

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

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now
  }

  /** Notes a rebuild under an id; `done` settles as its build does. */
  note(id: string, place: Place<unknown>, done: Promise<BuildResult>): void {
    const kept: Kept = { place }
    this.#forgetOld()
    this.#kept.set(id, kept)
    const end = (told: Partial<Kept>) => Object.assign(kept, told, { endedAt: this.#now() })
    done.then(
      (result) => end({ result }),
      (error: { code?: string; message: string }) =>
        end({ error: { code: error.code ?? 'RI_ERR_BUILD_FAILED', message: error.message } })
    )
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
