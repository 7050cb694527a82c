import type { Changed } from '../schemas/changes.js'
import { checked, isChanged } from './checks.js'
import { badAnswer, ReportsIndexError, unreachable } from './errors.js'
import { chunksOf, readEvents } from './event-stream.js'
import type { Requests } from './request.js'

/** A stream of events that is silent for so long is dead, in milliseconds: a comment comes every 15 s. */
const SILENCE_MS = 45_000

/**
 * One connection's events.
 * @param since the `etag` of the listing that is known already
 * @param onOpen is called when events may come
 */
export async function* changedEvents(
  requests: Requests,
  since: string | undefined,
  signal: AbortSignal | undefined,
  onOpen: () => void
): AsyncGenerator<Changed> {
  const silence = new AbortController()
  const abort = () => silence.abort(signal?.reason)
  const hush = () =>
    silence.abort(new ReportsIndexError(0, 'RI_CLIENT_TIMEOUT', 'the stream of events fell silent'))
  let timer = setTimeout(hush, SILENCE_MS)
  const again = () => {
    clearTimeout(timer)
    timer = setTimeout(hush, SILENCE_MS)
  }
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  try {
    const body = await open(requests, since, silence.signal)
    onOpen()
    for await (const { event, data } of readEvents(chunksOf(body, silence.signal), again))
      if (event === 'changed') yield checked(JSON.parse(data), isChanged)
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    if (cause instanceof SyntaxError) throw badAnswer(200, 'an event is not one of reports-index', cause)
    throw cause instanceof ReportsIndexError ? cause : unreachable(cause)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

async function open(
  requests: Requests,
  since: string | undefined,
  signal: AbortSignal
): Promise<ReadableStream<Uint8Array>> {
  const headers = { accept: 'text/event-stream', ...(since !== undefined && { 'last-event-id': since }) }
  return await requests.ask('/reports-index/events', { headers, signal, timeoutMs: 0 }, async (answer) => {
    const type = answer.headers.get('content-type') ?? 'nothing'
    if (answer.body && type.startsWith('text/event-stream')) return answer.body
    throw badAnswer(answer.status, `${type} instead of a stream of events`)
  })
}
