import { Busy } from './errors.js'
import type { Snapshot } from './manifest.js'
import { digestIn } from './tag.js'

/** So many streams are open at once. */
const MOST_STREAMS = 250
/** Every stream gets a comment so often, in milliseconds: proxies close what is silent. */
const COMMENT_MS = 10_000
/** Changes that come closer together are told as one, in milliseconds. */
const GAP_MS = 100
/** A client that leaves so much unread is dropped, in bytes; or anything, from one comment to the next. */
const MOST_UNREAD = 16_384
/**
 * A stream ends after so long, or half of it, in milliseconds; who follows comes again and is told nothing that it knows.
 * Kernels take megabytes for a client that does not read, so that is all that frees the places of some.
 */
const LIFE_MS = 30 * 60_000

/** The end of a connection that events are written to. */
export interface EventStream {
  write(text: string): unknown
  /** Bytes that were written and are not taken yet. */
  readonly writableLength: number
  end(): unknown
  destroy(): unknown
  readonly destroyed: boolean
  on(event: 'close' | 'error', listener: () => void): unknown
}

interface Follower {
  stream: EventStream
  /** The digest of the listing that it has; undefined before it was told of one. */
  told: string | undefined
  /** Whether there was something unread at the last comment. */
  lags: boolean
  /** By the clock that never goes back, in milliseconds. */
  endsAt: number
}

/** Who follows the listing by server-sent events. */
export class Followers {
  readonly #followers = new Set<Follower>()
  #listing: Pick<Snapshot, 'etag' | 'count'> | undefined
  #comments: NodeJS.Timeout | undefined
  #gap: NodeJS.Timeout | undefined
  #stopped = false

  get size(): number {
    return this.#followers.size
  }

  /**
   * Whether there is room for one more.
   * @throws Busy
   */
  checkRoom(): void {
    if (this.#followers.size >= MOST_STREAMS) throw new Busy(`${MOST_STREAMS} streams of events`)
  }

  /**
   * Tells a client of the listing now, and of every change.
   * @param lastEventId the tag of the listing that it has
   */
  add(stream: EventStream, lastEventId: string | undefined): void {
    const follower = {
      stream,
      told: lastEventId === undefined ? undefined : digestIn(lastEventId),
      lags: false,
      endsAt: performance.now() + LIFE_MS * (0.5 + Math.random() / 2)
    }
    stream.on('error', () => {}) // it is closed then
    stream.on('close', () => this.#remove(follower))
    if (this.#stopped) stream.end()
    if (this.#stopped || stream.destroyed) return // who has gone already is not told of again
    this.#followers.add(follower)
    stream.write(': the listing of reports-index\n\n')
    this.#comments ??= setInterval(() => this.#comment(), COMMENT_MS)
    this.#tell(follower)
  }

  /** A listing is served from now on. */
  changed({ etag, count }: Pick<Snapshot, 'etag' | 'count'>): void {
    this.#listing = { etag, count }
    if (this.#gap || this.#stopped) return
    this.#tellAll()
    this.#gap = setTimeout(() => {
      this.#gap = undefined
      this.#tellAll()
    }, GAP_MS)
    this.#gap.unref()
  }

  /** Ends all streams. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#gap)
    clearInterval(this.#comments)
    // Who does not read would not see the end either.
    for (const { stream } of this.#followers) {
      if (stream.writableLength > 0) stream.destroy()
      else stream.end()
    }
    this.#followers.clear()
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower)
    if (this.#followers.size > 0) return
    clearInterval(this.#comments)
    this.#comments = undefined
  }

  #tellAll(): void {
    for (const follower of this.#followers) this.#tell(follower)
  }

  #tell(follower: Follower): void {
    if (!this.#listing || follower.told === this.#listing.etag) return
    follower.told = this.#listing.etag
    this.#write(
      follower,
      `event: changed\nid: ${this.#listing.etag}\ndata: ${JSON.stringify(this.#listing)}\n\n`
    )
  }

  #comment(): void {
    for (const follower of this.#followers) {
      const isUnread = follower.stream.writableLength > 0
      if (isUnread && follower.lags) follower.stream.destroy()
      else if (performance.now() > follower.endsAt) this.#end(follower)
      else this.#write(follower, ':\n\n')
      follower.lags = isUnread
    }
  }

  #end(follower: Follower): void {
    this.#remove(follower)
    follower.stream.end()
  }

  #write({ stream }: Follower, text: string): void {
    if (stream.writableLength > MOST_UNREAD) stream.destroy()
    else stream.write(text)
  }
}
