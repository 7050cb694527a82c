import type { FastifyReply } from 'fastify'

/** Waits until an answer is the first of its connection that is still to be sent; false where the connection closes first. */
export async function hasTurn(answer: FastifyReply['raw']): Promise<boolean> {
  if (answer.socket || answer.destroyed) return !answer.destroyed
  return await new Promise((resolve) => {
    answer.once('socket', () => resolve(true)).once('close', () => resolve(false))
  })
}
