import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Moment } from '../schemas/entry.js'
import { sources } from '../schemas/listing.js'
import { etagOf, namesEtag } from '../services/etag.js'
import type { Served } from '../services/reader.js'
import { json, problem, reading, retryAfter } from './answers.js'
import '../services/decorators.js'
import { OneOf } from '../schemas/one-of.js'

const answerHeaders = {
  ETag: Type.String({ description: 'Strong: the SHA-256 of the answer', examples: [`"${'0'.repeat(64)}"`] }),
  'Cache-Control': Type.String({ description: 'Store, but revalidate', examples: ['no-cache'] }),
  'Last-Modified': Type.String({
    description: 'When the listing last changed',
    examples: ['Tue, 09 Jun 2026 13:41:56 GMT']
  }),
  Vary: Type.String({ examples: ['Accept-Encoding'] }),
  'Reports-Index-Source': OneOf(sources, {
    description: 'The manifest; the last good listing of this process; or a scan for this very answer'
  }),
  'Reports-Index-Checked-At': Type.String({
    pattern: Moment.pattern as string,
    description: 'When the last build that made or confirmed this listing ended'
  })
}

const querystring = Type.Object({}, { additionalProperties: false })

const schema = {
  tags: ['listing'],
  operationId: 'getReportsIndex',
  summary: 'The whole listing',
  description:
    'All reports, newest first, from the manifest: no folder is looked at. HEAD answers the same, without the body.',
  querystring,
  headers: Type.Object({
    'if-none-match': Type.Optional(Type.String({ description: 'Tags of answers that the caller has' }))
  }),
  response: {
    200: json('The listing', 'Listing', answerHeaders),
    304: { description: 'The caller has it', type: 'null', headers: answerHeaders },
    400: problem('An unknown parameter'),
    503: problem('There is no listing yet', retryAfter),
    ...reading.problems
  }
}

/** The listing. What is served is made when a listing is adopted; a request costs a look at the manifest's stamp. */
export default async function reportsIndex(fastify: FastifyInstance): Promise<void> {
  const { reader } = fastify
  const prepare = preparer()
  const answer = (request: FastifyRequest, reply: FastifyReply) => {
    const ifNoneMatch = request.headers['if-none-match']
    const now = reader.currentNow()
    if (now) return send(prepare(now), ifNoneMatch, reply)
    return reader.current().then((served) => send(prepare(served), ifNoneMatch, reply))
  }
  fastify.get('/reports-index', { schema, config: reading.config, exposeHeadRoute: false }, answer)
  // Fastify's own HEAD route would give a 304 the length of an empty body.
  fastify.head('/reports-index', { schema: { querystring }, config: reading.config }, answer)
}

interface Prepared {
  body: Buffer
  etag: string
  headers: Record<string, string>
}

/** Makes an answer's headers once for each listing that is served. */
function preparer(): (served: Served) => Prepared {
  let last: Served | undefined
  let prepared: Prepared | undefined
  return (served) => {
    if (prepared && last === served) return prepared
    const { snapshot, source, checkedAt } = served
    const etag = etagOf(snapshot.etag)
    last = served
    prepared = {
      body: snapshot.body,
      etag,
      headers: {
        etag,
        'cache-control': 'no-cache',
        'last-modified': new Date(snapshot.generatedAt).toUTCString(),
        'reports-index-source': source,
        'reports-index-checked-at': checkedAt
      }
    }
    return prepared
  }
}

function send(
  { body, etag, headers }: Prepared,
  ifNoneMatch: string | undefined,
  reply: FastifyReply
): FastifyReply {
  const vary = reply.getHeader('vary')
  reply.headers(headers)
  reply.header('vary', vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`)
  if (namesEtag(ifNoneMatch, etag)) return reply.code(304).send()
  return reply.type('application/json; charset=utf-8').send(body)
}
