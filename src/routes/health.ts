import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { HealthQuery } from '../schemas/health.js'
import { healthOf } from '../services/health.js'
import { json, open, problem } from './answers.js'
import '../services/decorators.js'

const healthSchema = {
  tags: ['health'],
  operationId: 'getHealth',
  summary: 'How the service, the manifest and the bases are',
  description: 'From memory alone: no disk is looked at.',
  querystring: HealthQuery,
  response: {
    200: json('The process can answer', 'Health'),
    400: problem('A bad parameter'),
    503: json('Degraded, and asked strictly', 'Health'),
    ...open.problems
  }
}

const readySchema = {
  tags: ['health'],
  operationId: 'getReady',
  summary: 'Whether a listing can be served without a scan',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: json('It can', 'Ready'),
    400: problem('An unknown parameter'),
    503: json('Not yet', 'Ready'),
    ...open.problems
  }
}

/** Health checks, from memory alone. */
export default async function health(fastify: FastifyInstance): Promise<void> {
  fastify.get<{ Querystring: HealthQuery }>(
    '/health',
    { schema: healthSchema, config: open.config },
    async (request, reply) => {
      const answer = healthOf(fastify)
      if (request.query.strict === 'true' && answer.status !== 'ok') reply.code(503)
      reply.header('cache-control', 'no-store')
      return answer
    }
  )

  fastify.get('/ready', { schema: readySchema, config: open.config }, async (_request, reply) => {
    const ready = fastify.reader.isReady
    reply.code(ready ? 200 : 503).header('cache-control', 'no-store')
    return { ready }
  })
}
