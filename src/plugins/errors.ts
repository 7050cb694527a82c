import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorAnswer } from '../schemas/error.js'
import { NotFound } from '../services/errors.js'

/** Seconds after which a refused request is worth another try. */
const RETRY_AFTER = '5'

/** One shape for all errors; what was not meant for the caller is logged and not told. */
export default fp(
  async function errors(fastify: FastifyInstance) {
    fastify.setErrorHandler(answerError)
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
  const statusCode = error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : 500
  const isOurs = statusCode < 500 || error.code?.startsWith('RI_ERR_')
  if (statusCode === 500) request.log.error({ err: error }, 'a request failed')
  if (statusCode === 503) reply.header('retry-after', RETRY_AFTER)
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer realm="reports-index"')
  reply.status(statusCode)
  return {
    statusCode,
    code: isOurs ? (error.code ?? `RI_ERR_${statusCode}`) : 'RI_ERR_INTERNAL',
    error: STATUS_CODES[statusCode] ?? 'Error',
    message: isOurs ? error.message : 'something went wrong; the log of the service says what'
  }
}
