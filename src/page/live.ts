import { type Followed, type ReportsIndexClient, ReportsIndexError } from '../client/index.js'

/** A tab that is not seen for so long lets its connection go, in milliseconds: a browser has few for one host. */
const UNSEEN_MS = 15_000

export interface LiveOptions {
  /** The listing that is known. */
  known(): Followed | undefined
  /** Takes a listing, now and after every change. */
  take(followed: Followed): void
  /** The page is looked at. */
  seen(): void
  /** Nothing will be told any more. */
  ended(reason: string): void
}

/** Follows the listing as long as the page is seen; when it is seen again it goes on from what is known. */
export class Live {
  readonly #client: ReportsIndexClient
  readonly #options: LiveOptions
  #following: AbortController | undefined
  #leaving: ReturnType<typeof setTimeout> | undefined

  constructor(client: ReportsIndexClient, options: LiveOptions) {
    this.#client = client
    this.#options = options
  }

  begin(): void {
    document.addEventListener('visibilitychange', () => this.#turn())
    this.#turn()
  }

  #turn(): void {
    clearTimeout(this.#leaving)
    if (document.hidden) {
      this.#leaving = setTimeout(() => this.#leave(), UNSEEN_MS)
      return
    }
    this.#options.seen()
    if (this.#following) return
    this.#following = new AbortController()
    void this.#follow(this.#following.signal)
  }

  #leave(): void {
    this.#following?.abort()
    this.#following = undefined
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { known, take, ended } = this.#options
    const before = known()
    try {
      for await (const followed of this.#client.follow({ signal, ...(before && { known: before }) }))
        take(followed)
    } catch (error) {
      if (!signal.aborted) ended(error instanceof ReportsIndexError ? error.message : String(error))
    }
  }
}
