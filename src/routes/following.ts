import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { ChangesQuery } from '../schemas/changes.js'
import { Answer } from '../services/answer.js'
import { TagGone } from '../services/errors.js'
import { digestIn } from '../services/tag.js'
import { answered, json, problem, reading, retryAfter } from './answers.js'
import { sendAnswer } from './send.js'
import { hasTurn } from './turn.js'
import '../services/decorators.js'

/** Answers of this kind are kept for all who followed from the same listing, so many bytes of them. */
const MOST_KEPT = 4 << 20

const changesSchema = {
  tags: ['listing'],
  operationId: 'getChanges',
  summary: 'What changed since a listing',
  description:
    'Old listing + changes = new listing. This process knows at least the last 64 listings that it has seen; of others it ' +
    'answers 410, and the caller reads the whole listing again.',
  querystring: ChangesQuery,
  response: {
    200: json('The changes; both lists are empty where nothing changed', 'Changes', answered),
    304: { description: 'The caller has this answer', type: 'null', headers: answered },
    400: problem('`since` is missing, or an unknown parameter is given'),
    406: problem('Accept-Encoding refuses all that there is'),
    410: problem('The listing is not known (any more): read the whole listing again'),
    412: problem('It is in another state than the one that If-Match or If-Unmodified-Since asks for'),
    503: problem('There is no listing yet', retryAfter),
    ...reading.problems
  }
}

const eventsSchema = {
  tags: ['listing'],
  operationId: 'getEvents',
  summary: 'News of every change, as server-sent events',
  description:
    'At once, and on every change: `event: changed`, `id:` the ETag of the listing, `data:` its ETag and count (the schema ' +
    '`Changed`). Changes that come close together may be told as one. A comment comes at least every 15 s. Who sends the ' +
    '`Last-Event-ID` of the listing that is served is told nothing until the next change.',
  querystring: Type.Object({}, { additionalProperties: false }),
  headers: Type.Object({
    'last-event-id': Type.Optional(
      Type.String({ description: "The listing's ETag that the caller has, of any coding" })
    )
  }),
  response: {
    200: {
      description: 'A stream without an end',
      headers: {
        'Cache-Control': Type.String({ examples: ['no-store'] }),
        'X-Accel-Buffering': Type.String({
          description: 'Tells nginx to pass it on at once',
          examples: ['no']
        })
      },
      content: { 'text/event-stream': { schema: Type.String({ examples: [exampleEvent()] }) } }
    },
    400: problem('An unknown parameter'),
    503: problem('Too many follow already, or the service is stopping', retryAfter),
    ...reading.problems
  }
}

function exampleEvent(): string {
  const etag = '0'.repeat(64)
  return `event: changed\nid: ${etag}\ndata: {"etag":"${etag}","count":340}\n\n`
}

/** For who wants to know what changed, and when. */
export default async function following(fastify: FastifyInstance): Promise<void> {
  const { reader, history, followers } = fastify
  const kept = new LRUCache<string, Answer>({
    maxSize: MOST_KEPT,
    sizeCalculation: ({ body }) => body.length
  })
  /** The last answer that is too large to be kept with others. */
  let large: { key: string; answer: Answer } | undefined
  const making = new Map<string, Promise<Answer>>()
  const { config } = reading

  const make = async (since: string): Promise<Answer> => {
    const changes = await history.changesSince(digestIn(since))
    if (!changes) throw new TagGone(since)
    const answer = new Answer(Buffer.from(`${JSON.stringify(changes)}\n`))
    const key = `${changes.from} ${changes.to}`
    if (answer.body.length > MOST_KEPT) large = { key, answer }
    else kept.set(key, answer)
    return answer
  }
  /** The answer is made once for all who ask for it meanwhile. */
  const shared = (key: string, since: string): Promise<Answer> => {
    const answer = making.get(key) ?? make(since).finally(() => making.delete(key))
    making.set(key, answer)
    return answer
  }
  const changesSince = async (
    request: FastifyRequest<{ Querystring: ChangesQuery }>,
    reply: FastifyReply
  ): Promise<FastifyReply> => {
    await reader.current()
    const { since } = request.query
    const key = `${digestIn(since)} ${await history.latest()}`
    const known = kept.get(key) ?? (large?.key === key ? large.answer : undefined)
    const answer = known ?? (await shared(key, since))
    return await sendAnswer(request, reply, answer, { 'cache-control': 'no-cache' })
  }
  const changes = { schema: changesSchema, config, exposeHeadRoute: false }
  fastify.get<{ Querystring: ChangesQuery }>('/reports-index/changes', changes, changesSince)
  // Fastify's own HEAD route would give a 304 the length of an empty body.
  fastify.head<{ Querystring: ChangesQuery }>(
    '/reports-index/changes',
    { ...changes, schema: { querystring: ChangesQuery } },
    changesSince
  )

  fastify.get('/reports-index/events', { schema: eventsSchema, config }, async (request, reply) => {
    const headers = {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      // What is left open after a stream's end would keep a host from stopping.
      ...(request.raw.httpVersionMajor === 1 && { connection: 'close' })
    }
    // What is served may be old news: so who comes is told of the manifest as it is.
    await reader.refresh()
    // A stream that waits behind another answer would only fill up.
    if (!(await hasTurn(reply.raw))) return reply.hijack()
    followers.checkRoom()
    reply.hijack()
    reply.raw.writeHead(200, headers as Record<string, string>)
    if (request.method === 'HEAD') {
      reply.raw.end()
      return reply
    }
    followers.add(reply.raw, request.headers['last-event-id'] as string | undefined)
    return reply
  })
}
