import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { Answer } from '../services/answer.js'
import { answered, open, problem } from './answers.js'
import { sendAnswer } from './send.js'
import '../services/decorators.js'

const schema = {
  tags: ['health'],
  operationId: 'getOpenapi',
  summary: 'This description',
  querystring: Type.Object({}, { additionalProperties: false }),
  response: {
    200: {
      description: 'OpenAPI 3.1',
      headers: answered,
      content: { 'application/json': { schema: Type.Object({}, { additionalProperties: true }) } }
    },
    304: { description: 'The caller has it', type: 'null', headers: answered },
    400: problem('An unknown parameter'),
    406: problem('Accept-Encoding refuses all that there is'),
    412: problem('It is in another state than the one that If-Match or If-Unmodified-Since asks for'),
    ...open.problems
  }
}

/** The description of this service. */
export default async function openapi(fastify: FastifyInstance): Promise<void> {
  let description: Answer | undefined
  fastify.get('/openapi.json', { schema, config: open.config }, async (request, reply) => {
    // The same bytes for all: it is made once.
    description ??= new Answer(Buffer.from(JSON.stringify(fastify.describeReportsIndex())))
    return await sendAnswer(request, reply, description, { 'cache-control': 'no-cache' })
  })
}
