import { badAnswer, errorFrom, ReportsIndexError, unreachable } from './errors.js'

export interface ClientOptions {
  /** Where the service is, e.g. `http://127.0.0.1:3000`; in a browser a path will do. */
  baseUrl: string
  /** `REPORTS_INDEX_READ_TOKEN` of the service, where it is set. */
  readToken?: string
  /** `REPORTS_INDEX_TOKEN` of the service, where it is set: for rebuilds. */
  token?: string
  /** Milliseconds to wait for an answer, but for those that wait for a build or follow events. 30 000 unless given. */
  timeoutMs?: number
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch
}

/** One request of the client. */
export interface Asking {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** Statuses from 300 on that are answers and no errors. */
  accept?: number[]
  signal?: AbortSignal | undefined
  /** 0: no limit. */
  timeoutMs?: number
}

const TIMEOUT_MS = 30_000

/** Sends requests, and makes errors of what goes wrong. */
export class Requests {
  readonly #options: ClientOptions
  readonly #base: string

  /** @throws TypeError where the base URL is none */
  constructor(options: ClientOptions) {
    this.#options = options
    this.#base = options.baseUrl.replace(/\/+$/, '')
    // A path is the browser's to complete; what is neither that nor a URL could never be asked.
    if (!isInBrowser() || /^[a-z][a-z0-9+.-]*:/i.test(this.#base)) this.#base = withoutQuery(this.#base)
  }

  /**
   * Asks, and reads the answer within the same time limit.
   * @param path below the base URL, with its query
   * @throws ReportsIndexError; the reason of the signal where that is aborted
   */
  async ask<T>(path: string, asking: Asking, read: (answer: Response) => Promise<T>): Promise<T> {
    const { signal, timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS, accept = [] } = asking
    const controller = new AbortController()
    const abort = () => controller.abort(signal?.reason)
    const late = new ReportsIndexError(0, 'RI_CLIENT_TIMEOUT', `no answer within ${timeoutMs} ms`)
    const timer = timeoutMs > 0 ? setTimeout(() => controller.abort(late), timeoutMs) : undefined
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    let status = 0
    try {
      const answer = await this.#send(path, asking, controller.signal)
      status = answer.status
      if (!answer.ok && !accept.includes(answer.status)) throw await errorFrom(answer)
      return await read(answer)
    } catch (cause) {
      if (signal?.aborted) throw signal.reason
      if (controller.signal.aborted) throw late
      if (cause instanceof ReportsIndexError) throw cause
      if (cause instanceof SyntaxError) throw badAnswer(status, 'the answer is no JSON', cause)
      throw unreachable(cause)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }

  #send(path: string, { method = 'GET', headers, body }: Asking, signal: AbortSignal): Promise<Response> {
    const { token, readToken, fetch: other } = this.#options
    const bearer = method === 'POST' ? token : readToken
    const send = other ?? globalThis.fetch
    return send(this.#base + path, {
      method,
      signal,
      headers: { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...headers },
      ...(body !== undefined && { body })
    })
  }
}

function withoutQuery(text: string): string {
  const url = new URL(text)
  url.search = ''
  url.hash = ''
  return url.href.replace(/\/+$/, '')
}

function isInBrowser(): boolean {
  return 'location' in globalThis
}
