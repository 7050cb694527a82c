import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorAnswer } from '../schemas/error.js'
import { ERROR_HEADERS, RETRY_AFTER } from '../services/answer-headers.js'
import { errorAnswer } from '../services/error-answer.js'
import { NotFound } from '../services/errors.js'

export interface ErrorsPluginOptions {
  /** Whether what is not found here is to be answered here; a host without a prefix for us answers it itself. */
  notFound: boolean
}

/** One shape for all errors; what was not meant for the caller is logged and not told. */
export default fp<ErrorsPluginOptions>(
  async function errors(fastify: FastifyInstance, { notFound }) {
    fastify.setErrorHandler(answerError)
    if (!notFound && fastify.prefix === '') return
    fastify.setNotFoundHandler((request) => {
      throw new NotFound(`there is no ${request.method} ${request.url.split('?', 1)[0]}`)
    })
  },
  { name: 'reports-index-errors', fastify: '5.x' }
)

async function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<ErrorAnswer> {
  const answer = errorAnswer(error)
  const { statusCode } = answer
  if (statusCode === 500) request.log.error({ err: error }, 'a request failed')
  // A report that is asked for too early is not missing for ever.
  reply.headers(ERROR_HEADERS)
  if (statusCode === 503) reply.header('retry-after', RETRY_AFTER)
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer realm="reports-index"')
  reply.status(statusCode)
  return answer
}
