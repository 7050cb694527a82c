import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { problem, reading } from './answers.js'
import '../services/decorators.js'

const schema = {
  tags: ['health'],
  operationId: 'getMetrics',
  summary: 'What is counted and measured, for Prometheus',
  description: "From memory alone, in Prometheus' text format.",
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'The metrics',
      content: {
        'text/plain': { schema: Type.String({ examples: ['reports_index_listing_entries 340\n'] }) }
      }
    },
    400: problem('An unknown parameter'),
    ...reading.problems
  }
}

/** Metrics. */
export default async function metrics(fastify: FastifyInstance): Promise<void> {
  fastify.get('/metrics', { schema, config: reading.config }, async (_request, reply) => {
    reply.type(fastify.metrics.contentType).header('cache-control', 'no-store')
    return reply.send(await fastify.metrics.text())
  })
}
