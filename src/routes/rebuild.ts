import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { LRUCache } from 'lru-cache'
import { type BuildResult, RebuildBody, RebuildQuery } from '../schemas/rebuild.js'
import type { Built } from '../services/builder-messages.js'
import { NotFound, NotWritten } from '../services/errors.js'
import { jobFor } from '../services/job.js'
import { Tickets } from '../services/tickets.js'
import { json, problem, reading, rebuilding, retryAfter } from './answers.js'
import { askerOf } from './asker.js'
import '../services/decorators.js'

/** Room for the most paths that a request may name, in bytes. */
const BODY_LIMIT = 5 << 20

const location = Type.String({ description: 'Where the build is told of', examples: ['/rebuild/7f1c…'] })

const postSchema = {
  tags: ['builds'],
  operationId: 'postRebuild',
  summary: 'Look at the bases, now',
  description:
    'What was on disk before the request was sent is in every listing that is served after the answer. Requests that ' +
    'come while a build runs share the next one.',
  querystring: RebuildQuery,
  body: RebuildBody,
  response: {
    200: json('The build that covers this request has landed', 'BuildResult'),
    202: json('The build was asked for', 'Accepted', { Location: location }),
    400: problem('A bad body, an unknown base, or a path that leaves its base; nothing was built'),
    413: problem('The body is too large'),
    415: problem('The body is not JSON'),
    503: problem(
      'The manifest could not be written, the builder failed, or too much waits already',
      retryAfter
    ),
    ...rebuilding.problems
  }
}

const overviewSchema = {
  tags: ['builds'],
  operationId: 'getRebuilds',
  summary: 'The running and the last build of this process',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: json('How the builds are', 'RebuildOverview'),
    400: problem('An unknown parameter'),
    ...reading.problems
  }
}

const ticketSchema = {
  tags: ['builds'],
  operationId: 'getRebuild',
  summary: 'A build that was asked for without waiting',
  params: Type.Object({ id: Type.String({ description: 'The id that POST /rebuild gave' }) }),
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: json('Where it stands', 'Ticket'),
    400: problem('An unknown parameter'),
    404: problem('No such id is known in this process'),
    ...reading.problems
  }
}

/** Builds by request. */
export default async function rebuild(fastify: FastifyInstance): Promise<void> {
  const { builder } = fastify
  const tickets = new Tickets(() => performance.now())

  fastify.post<{ Body: RebuildBody; Querystring: RebuildQuery }>(
    '/rebuild',
    {
      schema: postSchema,
      config: rebuilding.config,
      bodyLimit: BODY_LIMIT,
      preValidation: async (request) => {
        if (request.body === undefined) request.body = {}
      }
    },
    async (request, reply) => {
      const job = jobFor(request.body)
      const wait = request.query.wait !== 'false'
      await builder.check(job, askerOf(request, reply))
      const place = builder.request(job)
      const done = place.done.then(resultOf)
      if (wait) return sendOnce(reply, await done)
      const id = tickets.note(place, done)
      return await reply
        .code(202)
        .header('cache-control', 'no-store')
        .header('location', `${fastify.prefix}/rebuild/${id}`)
        .send({ id })
    }
  )

  fastify.get('/rebuild', { schema: overviewSchema, config: reading.config }, async (_request, reply) =>
    sendOnce(reply, builder.overview())
  )

  fastify.get<{ Params: { id: string } }>(
    '/rebuild/:id',
    { schema: ticketSchema, config: reading.config },
    async (request, reply) => {
      const ticket = tickets.find(request.params.id)
      if (!ticket) throw new NotFound('there is no such rebuild, or it ended long ago')
      const progress = builder.runningProgress
      return sendOnce(reply, ticket.state === 'running' && progress ? { ...ticket, progress } : ticket)
    }
  )
}

function resultOf({ result, notWritten }: Built): BuildResult {
  if (notWritten !== undefined) throw new NotWritten(notWritten)
  return result
}

/** Answers with many warnings are written once for all who ask for them; so many are kept. */
const written = new LRUCache<object, Buffer>({ max: 8 })

function sendOnce(reply: FastifyReply, answer: object): FastifyReply {
  const bytes = written.get(answer) ?? Buffer.from(JSON.stringify(answer))
  written.set(answer, bytes)
  return reply.header('cache-control', 'no-store').type('application/json; charset=utf-8').send(bytes)
}
