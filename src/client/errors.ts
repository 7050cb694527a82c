import type { ErrorAnswer } from '../schemas/error.js'

/** An answer of 400 and above, or none at all. */
export class ReportsIndexError extends Error {
  override readonly name = 'ReportsIndexError'
  /** The status of the answer; 0 where none came. */
  readonly status: number
  /** Stable, for programs: the service's code, or `RI_CLIENT_UNREACHABLE`, `RI_CLIENT_TIMEOUT`, `RI_CLIENT_BAD_ANSWER`. */
  readonly code: string
  /** Seconds after which another try is worth it, where the service says so. */
  readonly retryAfter: number | undefined

  constructor(status: number, code: string, message: string, retryAfter?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }

  /** Whether the same request may well succeed later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

/** The error where an answer is none of this service: that of something else at its address. */
export function badAnswer(status: number, what: string, cause?: unknown): ReportsIndexError {
  return new ReportsIndexError(status, 'RI_CLIENT_BAD_ANSWER', what, undefined, cause)
}

/** The error where no answer came, or it broke off. */
export function unreachable(cause: unknown): ReportsIndexError {
  const { message: told, cause: deeper } = cause as Error & { cause?: { code?: string } }
  const message = `the service can not be reached: ${told}${deeper?.code ? ` (${deeper.code})` : ''}`
  return new ReportsIndexError(0, 'RI_CLIENT_UNREACHABLE', message, undefined, cause)
}

/** The error that an answer tells; one that is none of ours (a proxy's page) has a code of its status alone. */
export async function errorFrom(answer: Response): Promise<ReportsIndexError> {
  const { status } = answer
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined
  const text = await answer.text().catch(() => '')
  try {
    const { code, message } = JSON.parse(text) as ErrorAnswer
    if (typeof code === 'string' && typeof message === 'string')
      return new ReportsIndexError(status, code, message, retryAfter)
  } catch {
    // not JSON
  }
  return new ReportsIndexError(status, `HTTP_${status}`, `the answer is ${status}`, retryAfter)
}
