import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify, {
  type ConnectionError,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController
} from 'fastify'
import app from './app.js'
import { loggerFor } from './log.js'
import type { ErrorAnswer } from './schemas/error.js'
import { checkDoor } from './services/door.js'
import type { Settings } from './services/settings.js'

/** Answers under way when the service stops may take so long, in milliseconds. */
const FINISH_MS = 8500

/** So many connections are open at once; more are closed at once. */
const MOST_CONNECTIONS = 500
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

/** Starts the service; it listens when this resolves. */
export async function serve(settings: Settings): Promise<Serving> {
  checkDoor(settings)
  const server = fastify({
    logger: await loggerFor(settings.logLevel),
    logController: new RequestsAtDebug(),
    clientErrorHandler: answerClientError,
    requestTimeout: REQUEST_MS,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS }
  })
  server.server.maxConnections = MOST_CONNECTIONS
  tellDropped(server)
  await server.register(app, { settings })
  // Behind the app: what it gives up when it stops is answered first.
  await server.register(async (last) => finishAnswers(last))
  await server.ready()
  // Fastify's own line says what the caller says on standard output.
  server.log.level = ['silent', 'fatal', 'error'].includes(settings.logLevel) ? settings.logLevel : 'warn'
  await server.listen({ host: settings.host, port: settings.port })
  server.log.level = settings.logLevel
  const { port } = server.server.address() as AddressInfo
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host
  return { url: `http://${host}:${port}`, log: server.log, close: () => server.close() }
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

const TELL_MS = 60_000

/** Says that connections are refused, once a minute at most. */
function tellDropped(server: FastifyInstance): void {
  let toldAt = Number.NEGATIVE_INFINITY
  server.server.on('drop', () => {
    if (performance.now() - toldAt < TELL_MS) return
    toldAt = performance.now()
    server.log.warn(`more than ${MOST_CONNECTIONS} connections are open; further ones are refused`)
  })
}

/**
 * Lets answers under way be finished, and nothing else hold the stop up. Node 20's own close cuts connections whose
 * answer has ended but is not sent yet, and waits for ones that never asked for anything.
 */
function finishAnswers(server: FastifyInstance): void {
  const sockets = new Set<Socket>()
  const answers = new Set<ServerResponse>()
  server.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.server.on('request', (_request, answer) => {
    answers.add(answer)
    answer.on('close', () => answers.delete(answer))
  })
  const isBusy = () =>
    [...answers].some(({ req }) => req.complete) ||
    [...sockets].some(({ writableLength }) => writableLength > 0)
  server.addHook('preClose', async () => {
    const until = performance.now() + FINISH_MS
    while (performance.now() < until && isBusy()) await sleep(20)
    setImmediate(() => server.server.closeAllConnections())
  })
}

/** What is no HTTP, or too large for it, is told in the shape of all errors. */
function answerClientError(error: ConnectionError, socket: Socket): void {
  const status = CLIENT_ERRORS[error.code] ?? 400
  const name = STATUS_CODES[status] ?? ''
  const told = {
    statusCode: status,
    code: error.code,
    error: name,
    message: 'the request is not one that can be read'
  }
  const body = JSON.stringify(told satisfies ErrorAnswer)
  if (socket.writable && !socket.destroyed) {
    socket.write(
      `HTTP/1.1 ${status} ${name}\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
    )
  }
  socket.destroySoon()
}

const CLIENT_ERRORS: Record<string, number> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }
