import { lookup } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import fastify, {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type RawRequestDefaultExpression
} from 'fastify'
import app from './app.js'
import { answerBadUrl, answerExpectation, clientErrorAnswer } from './client-errors.js'
import { Connections, finishAnswers } from './connections.js'
import { loggerFor } from './log.js'
import type { Settings } from './services/settings.js'

/** Bytes of a request's line and headers that are read at most. */
const HEADER_BYTES = 16_384
/** A client has so long to send its headers, and its whole request, in milliseconds. */
const HEADERS_MS = 15_000
const REQUEST_MS = 60_000
/** So often slow ones are looked for. */
const CHECK_MS = 5000

/** A service that listens. */
export interface Serving {
  url: string
  log: FastifyBaseLogger
  close(): Promise<void>
}

/**
 * Starts the service; it listens when this resolves.
 * @param options `builds`: whether it may build; else it serves the manifest as it is
 */
export async function serve(settings: Settings, { builds = true } = {}): Promise<Serving> {
  const server = fastify({
    logger: await loggerFor(settings.logLevel),
    logController: new RequestsAtDebug(),
    // A logger for each request costs more than all that it would say.
    childLoggerFactory: (logger, bindings, options) =>
      ['debug', 'trace'].includes(settings.logLevel) ? logger.child(bindings, options) : logger,
    clientErrorHandler: (error, socket) => connections.fail(socket, clientErrorAnswer(error)),
    rewriteUrl: pathOf,
    frameworkErrors: answerBadUrl,
    requestTimeout: REQUEST_MS,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: CHECK_MS,
      requireHostHeader: false // the guard says so in the shape of all errors
    }
  })
  const connections: Connections = new Connections(server.server)
  connections.tellFull((message) => server.log.warn(message))
  server.server.on('checkExpectation', answerExpectation)
  await server.register(app, { settings, alone: true, builds })
  await server.register(finishAnswers, { connections })
  await server.ready()
  // Fastify's own line says what the caller says on standard output.
  server.log.level = ['silent', 'fatal', 'error'].includes(settings.logLevel) ? settings.logLevel : 'warn'
  await server.listen({ host: await addressOf(settings.host), port: settings.port })
  server.log.level = settings.logLevel
  const { port } = server.server.address() as AddressInfo
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host
  return { url: `http://${host}:${port}`, log: server.log, close: () => server.close() }
}

/** The path of a target that names a host, too; that name counts instead of the one in `Host` (RFC 9112, 3.2.2). */
function pathOf(request: RawRequestDefaultExpression): string {
  const { url = '', headers } = request
  const [, name, path] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? []
  if (name === undefined || path === undefined) return url
  headers.host = name
  return path.startsWith('/') ? path : `/${path}`
}

/** One address of a name: for a second one Fastify would make a second server, without what is watched here. */
async function addressOf(host: string): Promise<string> {
  return (await lookup(host, { verbatim: false })).address
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
