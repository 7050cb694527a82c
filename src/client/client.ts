import type { Changed, Changes } from '../schemas/changes.js'
import type { Health } from '../schemas/health.js'
import type { Filter, Listing, Source } from '../schemas/listing.js'
import type { BuildResult, RebuildBody, RebuildOverview, Ticket } from '../schemas/rebuild.js'
import { digestIn } from '../services/tag.js'
import { changedEvents } from './changed-events.js'
import { checked, isChanges, isListing } from './checks.js'
import { ReportsIndexError } from './errors.js'
import { type Followed, follow } from './follow.js'
import { Patience } from './patience.js'
import { type Asking, type ClientOptions, Requests } from './request.js'

/** What `list` asks for: one value or several of `base` and `type`. */
export interface ListQuery extends Omit<Filter, 'base' | 'type'> {
  base?: string | string[]
  type?: string | string[]
  /** `nextCursor` of the page before. */
  cursor?: string
}

/** A listing, or a part of one, and what its headers tell. */
export interface Listed extends Listing {
  /** The answer's tag, without quotes and without its coding. */
  etag: string
  source: Source
  /** When the last build that made or confirmed it ended, RFC 3339. */
  checkedAt: string
}

export interface Options {
  /** Gives the request up. */
  signal?: AbortSignal | undefined
}

interface Kept {
  tag: string
  listed: Listed
}

/** Answers to so many different questions are kept. */
const MOST_KEPT = 32
/** A stream that lived for so long was a good one, in milliseconds: the next failure is the first again. */
const GOOD_MS = 1000

/** A client of reports-index, for browsers and Node. It remembers what it was answered, so what has not changed costs little. */
export class ReportsIndexClient {
  readonly #requests: Requests
  readonly #kept = new Map<string, Kept>()

  constructor(options: ClientOptions) {
    this.#requests = new Requests(options)
  }

  /**
   * The listing, or the part of it that matches. What has not changed since it was asked last is not sent again: then the
   * very same object is returned.
   * @throws ReportsIndexError
   */
  async list(query: ListQuery = {}, { signal }: Options = {}): Promise<Listed> {
    const path = `/reports-index${textOf(query)}`
    const kept = this.#kept.get(path)
    const headers = kept && { 'if-none-match': kept.tag }
    return await this.#requests.ask(
      path,
      { ...(headers && { headers }), accept: [304], signal },
      async (answer) => {
        const told = {
          source: answer.headers.get('reports-index-source') as Source,
          checkedAt: answer.headers.get('reports-index-checked-at') ?? ''
        }
        if (answer.status === 304 && kept) return this.#keep(path, kept.tag, Object.assign(kept.listed, told))
        const tag = answer.headers.get('etag') ?? ''
        const listing = checked(await answer.json(), isListing)
        return this.#keep(path, tag, { ...listing, ...told, etag: digestIn(tag) })
      }
    )
  }

  /**
   * The listing page by page.
   * @param query `limit` is the size of a page, 1000 unless given
   * @throws ReportsIndexError with status 410 where the listing changed so that a page could skip something: begin again
   */
  async *pages(query: Omit<ListQuery, 'cursor'> = {}, options: Options = {}): AsyncGenerator<Listed> {
    let cursor: string | undefined
    do {
      const page = await this.list(
        { limit: 1000, ...query, ...(cursor !== undefined && { cursor }) },
        options
      )
      yield page
      cursor = page.nextCursor
    } while (cursor !== undefined)
  }

  /**
   * What changed since a listing.
   * @param since its `etag`
   * @throws ReportsIndexError with status 410 where the service does not know that listing any more
   */
  async changes(since: string, { signal }: Options = {}): Promise<Changes> {
    const path = `/reports-index/changes?since=${encodeURIComponent(since)}`
    return await this.#requests.ask(path, { signal }, async (answer) =>
      checked(await answer.json(), isChanges)
    )
  }

  /**
   * News of the listing: at once, and on every change. What breaks is connected again, and goes on from there; only errors
   * that will not pass by themselves end it.
   * @param options `since`: the `etag` of the listing that is known already
   */
  async *events({ since, signal }: Options & { since?: string } = {}): AsyncGenerator<Changed> {
    const patience = new Patience()
    let last = since
    for (;;) {
      let openedAt = Number.POSITIVE_INFINITY
      let askedMs = 0
      try {
        for await (const changed of changedEvents(
          this.#requests,
          last,
          signal,
          () => (openedAt = performance.now())
        )) {
          last = changed.etag
          yield changed
        }
      } catch (error) {
        if (signal?.aborted || !(error instanceof ReportsIndexError) || !error.isPassing) throw error
        askedMs = (error.retryAfter ?? 0) * 1000
      }
      if (performance.now() - openedAt > GOOD_MS) patience.reset()
      await patience.wait(signal, askedMs)
    }
  }

  /**
   * The whole listing, now and after every change; whatever breaks meanwhile, it ends at what is served.
   * @param options `known`: the listing that is known already, as it was followed before: it is not told again
   */
  follow({
    signal,
    known
  }: Options & { known?: Pick<Followed, 'etag' | 'reports'> } = {}): AsyncGenerator<Followed> {
    return follow(this, signal, known)
  }

  /**
   * Has the reports looked at, and waits until what was there before the call is listed.
   * @throws ReportsIndexError
   */
  async rebuild(body: RebuildBody = {}, { signal }: Options = {}): Promise<BuildResult> {
    return await this.#post('/rebuild', body, { signal, timeoutMs: 0 })
  }

  /** Has the reports looked at without waiting; `rebuildTicket` tells how it goes. */
  async requestRebuild(body: RebuildBody = {}, { signal }: Options = {}): Promise<{ id: string }> {
    return await this.#post('/rebuild?wait=false', body, { signal })
  }

  /** How a rebuild goes that was asked for without waiting. */
  async rebuildTicket(id: string, { signal }: Options = {}): Promise<Ticket> {
    return await this.#get(`/rebuild/${encodeURIComponent(id)}`, signal)
  }

  /** The running and the last build. */
  async rebuilds({ signal }: Options = {}): Promise<RebuildOverview> {
    return await this.#get('/rebuild', signal)
  }

  /** How the service is. */
  async health({ signal }: Options = {}): Promise<Health> {
    return await this.#get('/health', signal)
  }

  /** Whether a listing can be served without a scan. */
  async ready({ signal }: Options = {}): Promise<boolean> {
    return await this.#requests.ask('/ready', { accept: [503], signal }, async (answer) => answer.ok)
  }

  async #get<T>(path: string, signal: AbortSignal | undefined): Promise<T> {
    return await this.#requests.ask(path, { signal }, (answer) => answer.json() as Promise<T>)
  }

  async #post<T>(path: string, body: RebuildBody, more: Asking): Promise<T> {
    const headers = { 'content-type': 'application/json' }
    const asking = { ...more, method: 'POST' as const, headers, body: JSON.stringify(body) }
    return await this.#requests.ask(path, asking, (answer) => answer.json() as Promise<T>)
  }

  #keep(path: string, tag: string, listed: Listed): Listed {
    this.#kept.delete(path)
    this.#kept.set(path, { tag, listed })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest)
    return listed
  }
}

function textOf(query: ListQuery): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== undefined) params.append(name, String(each))
  }
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}
