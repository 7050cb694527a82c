import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ListingQuery } from '../schemas/listing.js'
import type { Served } from '../services/reader.js'
import { answered, json, listed, problem, reading, retryAfter } from './answers.js'
import { askerOf } from './asker.js'
import { sendAnswer } from './send.js'
import '../services/decorators.js'

const schema = {
  tags: ['listing'],
  operationId: 'getReportsIndex',
  summary: 'The listing, or a part of it',
  description:
    'All reports, newest first, or those that match every parameter, from the manifest: no folder is looked at. With ' +
    '`limit` it comes in pages: ask again with the `nextCursor` of the page before as `cursor`, and the same filter. What ' +
    'is asked twice is answered with the same bytes and the same ETag, by any process; `If-None-Match` gives 304.',
  querystring: ListingQuery,
  headers: Type.Object({
    'if-none-match': Type.Optional(
      Type.String({ description: 'Tags of answers that the caller has; weak ones and * count, too' })
    ),
    'accept-encoding': Type.Optional(
      Type.String({ description: 'br and gzip, for answers of 1 KiB and more' })
    )
  }),
  response: {
    200: json('The reports that match', 'Listing', { ...answered, ...listed }),
    304: { description: 'The caller has it', type: 'null', headers: { ...answered, ...listed } },
    400: problem('An unknown parameter, one with a bad value, or one that is given twice'),
    406: problem('Accept-Encoding refuses all that there is'),
    410: problem('Reports have moved past the place where the page before ended: begin again'),
    412: problem('It is in another state than the one that If-Match or If-Unmodified-Since asks for'),
    503: problem('There is no listing yet', retryAfter),
    ...reading.problems
  }
}

const headSchema = {
  ...schema,
  operationId: 'headReportsIndex',
  summary: 'The headers of the listing',
  description: 'What GET answers, without the body.',
  response: {
    ...schema.response,
    200: { description: 'The reports that match', type: 'null', headers: { ...answered, ...listed } }
  }
}

/** The listing. What is served is made when a listing is adopted; a request costs a look at the manifest's stamp. */
export default async function reportsIndex(fastify: FastifyInstance): Promise<void> {
  const { reader, pages } = fastify
  const headersOf = headerMaker()
  const answer = (request: FastifyRequest<{ Querystring: ListingQuery }>, reply: FastifyReply) => {
    const now = reader.currentNow(connectionOf(request))
    if (now && isEmpty(request.query))
      return sendAnswer(request, reply, pages.whole(now.snapshot), headersOf(now))
    return answerLater(request, reply)
  }
  const answerLater = async (
    request: FastifyRequest<{ Querystring: ListingQuery }>,
    reply: FastifyReply
  ): Promise<FastifyReply> => {
    const served = await reader.current()
    const part = await pages.part(served.snapshot, request.query, () => askerOf(request, reply))
    return await sendAnswer(request, reply, part, headersOf(served))
  }
  const { config } = reading
  fastify.get<{ Querystring: ListingQuery }>(
    '/reports-index',
    { schema, config, exposeHeadRoute: false },
    answer
  )
  // Fastify's own HEAD route would give a 304 the length of an empty body.
  fastify.head<{ Querystring: ListingQuery }>(
    '/reports-index',
    { schema: headSchema, config: { ...config, swagger: { exposeHeadRoute: true } } },
    answer
  )
}

/** The connection of a request; undefined where that was made within this process, as tests do. */
function connectionOf({ raw: { socket } }: FastifyRequest): object | undefined {
  return 'bytesRead' in socket ? socket : undefined
}

function isEmpty(query: object): boolean {
  return Object.keys(query).length === 0
}

/** Makes the headers once for each listing that is served. */
function headerMaker(): (served: Served) => Record<string, string> {
  let last: Served | undefined
  let headers: Record<string, string> = {}
  return (served) => {
    if (last === served) return headers
    const { snapshot, source, checkedAt } = served
    last = served
    headers = {
      'cache-control': 'no-cache',
      'last-modified': new Date(snapshot.generatedAt).toUTCString(),
      'reports-index-source': source,
      'reports-index-checked-at': checkedAt
    }
    return headers
  }
}
