import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import '@fastify/swagger'
import { open } from './answers.js'

const schema = {
  tags: ['health'],
  operationId: 'getOpenapi',
  summary: 'This description',
  security: [...open.security],
  response: {
    200: {
      description: 'OpenAPI 3.1',
      content: { 'application/json': { schema: Type.Object({}, { additionalProperties: true }) } }
    },
    ...open.problems
  }
}

/** The description of this service. */
export default async function openapi(fastify: FastifyInstance): Promise<void> {
  fastify.get('/openapi.json', { schema, config: open.config }, async () => fastify.swagger())
}
