import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import app from './app.js'
import { loggerFor } from './log.js'
import type { Settings } from './services/settings.js'

/** Answers that are being sent when the service stops may take so long, in milliseconds. */
const FLUSH_MS = 5000
/** After so long the process ends, whatever still hangs, in milliseconds. */
const STOP_MS = 9000

/** A service that listens. */
export interface Serving {
  url: string
  close(): Promise<void>
}

/** Starts the service; it listens when this resolves. */
export async function serve(settings: Settings): Promise<Serving> {
  const server = fastify({ logger: await loggerFor(settings.logLevel), logController: new RequestsAtDebug() })
  waitForAnswers(server)
  await server.register(app, { settings })
  await server.ready()
  // Fastify's own line says what the caller says on standard output.
  server.log.level = ['silent', 'fatal', 'error'].includes(settings.logLevel) ? settings.logLevel : 'warn'
  await server.listen({ host: settings.host, port: settings.port })
  server.log.level = settings.logLevel
  const { port } = server.server.address() as AddressInfo
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host
  return { url: `http://${host}:${port}`, close: () => server.close() }
}

/** Ends the process by a signal: what is being answered is finished, a running build is given up. */
export function stopOnSignals(serving: Serving): void {
  let stopping = false
  const stop = () => {
    if (stopping) process.exit(0)
    stopping = true
    setTimeout(() => process.exit(0), STOP_MS).unref()
    serving.close().then(
      () => process.exit(0),
      () => process.exit(0)
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

/** Requests are told at `debug` only: two lines a request would cost more than the answer. */
class RequestsAtDebug extends LogController {
  override incomingRequest(): void {}
  override routeNotFound(): void {}
  override requestCompleted(error: Error | null, request: FastifyRequest, reply: FastifyReply): void {
    const { method, url } = request
    const facts = { statusCode: reply.statusCode, ms: reply.elapsedTime, ...(error && { err: error }) }
    reply.log.debug(facts, `${method} ${url} ${reply.statusCode}`)
  }
}

/** Node 20's server.close() cuts connections whose answer has ended but is not sent yet, so it has to wait for them. */
function waitForAnswers(server: FastifyInstance): void {
  const sockets = new Set<Socket>()
  server.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.addHook('preClose', async () => {
    const until = performance.now() + FLUSH_MS
    while (performance.now() < until && [...sockets].some(({ writableLength }) => writableLength > 0))
      await sleep(20)
  })
}
