import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from '../services/answer.js'
import { acceptsIdentity, type Coding, chooseCoding, isBusy } from '../services/codings.js'
import { verdictOn } from '../services/conditions.js'
import { NotAcceptable, PreconditionFailed } from '../services/errors.js'
import { namesEtag } from '../services/etag.js'

/** A coding that takes longer is not waited for where the answer may go out without one, in milliseconds. */
const CODING_MS = 1000

/**
 * Sends an answer in the coding that is asked for, or the news that the caller has it.
 * @param headers of the answer, besides those of its coding and its kind
 * @throws NotAcceptable, PreconditionFailed
 */
export function sendAnswer(
  { headers: asked }: FastifyRequest,
  reply: FastifyReply,
  answer: Answer,
  headers: Record<string, string>,
  type = 'application/json; charset=utf-8'
): FastifyReply | Promise<FastifyReply> {
  const sendBytes = (coding: Coding, bytes: Buffer) => {
    reply.header('etag', answer.etag(coding)).type(type)
    if (coding !== 'identity') reply.header('content-encoding', coding)
    return reply.send(bytes)
  }
  const vary = reply.getHeader('vary')
  reply.header('vary', vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`)
  const accept = asked['accept-encoding']
  const coding = chooseCoding(accept, answer.body.length)
  if (coding === undefined) throw new NotAcceptable()
  reply.headers(headers)
  const etag = answer.etag(coding)
  if (!holds(asked, etag, headers['last-modified'])) throw new PreconditionFailed()
  if (namesEtag(asked['if-none-match'], etag)) return reply.header('etag', etag).code(304).send()
  if (!answer.has(coding) && isBusy() && acceptsIdentity(accept)) return sendBytes('identity', answer.body)
  const bytes = answer.in(coding)
  if (!(bytes instanceof Promise)) return sendBytes(coding, bytes)
  return inTime(bytes, acceptsIdentity(accept)).then((made) =>
    sendBytes(made ? coding : 'identity', made ?? answer.body)
  )
}

/** Whether what is sent is in the state that is asked for, where one is. */
function holds(
  { 'if-match': match, 'if-unmodified-since': since }: FastifyRequest['headers'],
  etag: string,
  modified: string | undefined
): boolean {
  if (match === undefined && since === undefined) return true
  const validators = { etag, isSettled: true, mtimeMs: Date.parse(modified ?? '') }
  return verdictOn({ 'if-match': match, 'if-unmodified-since': since }, validators) !== 'failed'
}

/** The bytes, or nothing where that takes too long and something else can be sent. */
async function inTime(bytes: Promise<Buffer>, canDoWithout: boolean): Promise<Buffer | undefined> {
  if (!canDoWithout) return await bytes
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, CODING_MS, undefined)
  })
  try {
    return await Promise.race([bytes, late])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
