import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Asker } from '../services/fair-queue.js'

/** Who asks: the connection, until its answer is closed. */
export function askerOf(request: FastifyRequest, reply: FastifyReply): Asker {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  if (reply.raw.destroyed) gone.abort()
  // What is made within this process, as tests do, has no connection of its own.
  return { caller: request.raw.socket ?? request, signal: gone.signal }
}
