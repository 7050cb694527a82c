import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { open, problem } from './answers.js'
import '../services/decorators.js'

const schema = {
  tags: ['health'],
  operationId: 'getOpenapi',
  summary: 'This description',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'OpenAPI 3.1',
      content: { 'application/json': { schema: Type.Object({}, { additionalProperties: true }) } }
    },
    400: problem('An unknown parameter'),
    ...open.problems
  }
}

/** The description of this service. */
export default async function openapi(fastify: FastifyInstance): Promise<void> {
  let description: Buffer | undefined
  fastify.get('/openapi.json', { schema, config: open.config }, async (_request, reply) => {
    // The same bytes for all: it is made once.
    description ??= Buffer.from(JSON.stringify(fastify.describeReportsIndex()))
    return reply.type('application/json; charset=utf-8').send(description)
  })
}
