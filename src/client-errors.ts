import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConnectionError, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorAnswer } from './schemas/error.js'
import { ERROR_HEADERS, RETRY_AFTER } from './services/answer-headers.js'
import { errorAnswer } from './services/error-answer.js'
import { Busy } from './services/errors.js'

/*
 * What is refused before any of our routes is asked, in the shape of all errors.
 */

const STATUSES: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }

/** A request that came behind one that is the last of its connection, by its own word. */
const BEHIND_THE_LAST = 'HPE_CLOSED_CONNECTION'

/**
 * What is no HTTP, or too large or too slow for it: the last answer of a connection.
 * @returns undefined where nothing is to be answered
 */
export function clientErrorAnswer({ code }: ConnectionError): string | undefined {
  if (code === BEHIND_THE_LAST) return undefined
  const message = 'the request is not one that can be read'
  const answer = errorAnswer({ statusCode: STATUSES[code] ?? 400, code, message })
  const body = JSON.stringify(answer)
  return (
    `HTTP/1.1 ${answer.statusCode} ${answer.error}\r\nContent-Type: application/json; charset=utf-8\r\n` +
    Object.entries(ERROR_HEADERS)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('') +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

/** A URL that can not be decoded, or has too long a part. */
export function answerBadUrl(
  error: { code?: string; statusCode?: number; message: string },
  request: FastifyRequest,
  reply: FastifyReply
): void {
  const { code = 'RI_ERR_BAD_URL', statusCode = 400 } = error
  const answer = errorAnswer(
    isReport(request.raw.url)
      ? { statusCode: 404, code: 'RI_ERR_NOT_FOUND', message: 'the listing holds no such report' }
      : { statusCode, code, message: 'the URL is not one of this service' }
  )
  endWith(reply.raw, answer)
}

/** A path that is no text names no report; whatever is asked of the others is looked at with their query. */
function isReport(url: string | undefined): boolean {
  return url?.startsWith('/reports/') === true
}

/** `Expect` with anything but `100-continue`. */
export function answerExpectation(_request: IncomingMessage, response: ServerResponse): void {
  endWith(
    response,
    errorAnswer({ statusCode: 417, code: 'RI_ERR_EXPECTATION', message: 'what is expected can not be met' })
  )
}

/** Too many connections are open, all of them busy. */
export function answerFull(response: ServerResponse): void {
  response.setHeader('retry-after', RETRY_AFTER)
  endWith(response, errorAnswer(new Busy('all connections are busy')))
}

function endWith(response: ServerResponse, answer: ErrorAnswer): void {
  const body = JSON.stringify(answer)
  response.statusCode = answer.statusCode
  for (const [name, value] of Object.entries(ERROR_HEADERS)) response.setHeader(name, value)
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.setHeader('content-length', Buffer.byteLength(body))
  response.end(body)
}
