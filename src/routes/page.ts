import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Answer } from '../services/answer.js'
import { type Page, pageFor } from '../services/page.js'
import { answered, problem, reading } from './answers.js'
import { sendAnswer } from './send.js'
import '../services/decorators.js'

const schema = {
  tags: ['listing'],
  operationId: 'getPage',
  summary: 'The page',
  description:
    'The listing for people: search, filters, a chart, news as they come. Its query is that of the listing, and read in the browser.',
  response: {
    200: {
      description: 'The page, whole',
      headers: answered,
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } }
    },
    304: { description: 'The caller has it', type: 'null', headers: answered },
    302: { description: 'It stands one slash further', type: 'null' },
    406: problem('Accept-Encoding refuses all that there is'),
    412: problem('It is in another state than the one that If-Match or If-Unmodified-Since asks for'),
    ...reading.problems
  }
}

const headSchema = {
  ...schema,
  operationId: 'headPage',
  summary: 'The headers of the page',
  response: { ...schema.response, 200: { description: 'The page', type: 'null', headers: answered } }
}

/** The page: one file, the same for everybody. */
export default async function pageRoute(fastify: FastifyInstance): Promise<void> {
  const { settings, readPage } = fastify.reportsIndex
  let made: (Page & { answer: Answer }) | undefined
  const send = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const [path = '', query] = request.url.split('?', 2)
    // What it asks for is beside it, so its own place has to be a folder's.
    if (!path.endsWith('/'))
      return await reply.redirect(`${path.slice(path.lastIndexOf('/') + 1)}/${query ? `?${query}` : ''}`)
    if (!made) {
      const page = pageFor(readPage(), settings)
      made = { ...page, answer: new Answer(page.body) }
    }
    const headers = {
      'cache-control': 'no-cache',
      'content-security-policy': made.policy,
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin'
    }
    return await sendAnswer(request, reply, made.answer, headers, 'text/html; charset=utf-8')
  }
  const config = { ...reading.config, anyQuery: true }
  fastify.get('/', { schema, config, exposeHeadRoute: false }, send)
  fastify.head('/', { schema: headSchema, config: { ...config, swagger: { exposeHeadRoute: true } } }, send)
}
