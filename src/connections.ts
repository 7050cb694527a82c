import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { answerFull } from './client-errors.js'
import { Pipeline } from './pipeline.js'
import { isLoopback } from './services/door.js'
import { Turns } from './turns.js'

/** At most so many connections are open; beyond them the longest idle one is closed for a new one. */
const MAX_CONNECTIONS = 500
/** From so many on, an idle connection is kept for a shorter time. */
const MANY_CONNECTIONS = 400
/** An idle connection is kept so long, in milliseconds; where there are many, so long. */
const KEEP_ALIVE_MS = 72_000
const SHORT_KEEP_ALIVE_MS = 5000
/** A client that has just connected has so long to ask before its connection counts as idle, in milliseconds. */
const GRACE_MS = 1000
/** So many more connections of this machine itself are taken, for its health alone. */
const MAX_RESERVED = 16
const HEALTH = /^\/(?:health|ready)(?:\?|$)/
/** At most so many requests wait for their turn on all connections together; a request that waits takes some 5 kB. */
const MAX_WAITING = 20_000
/** They are counted after so many. */
const COUNT_EVERY = 256
/**
 * A client that takes nothing of its answers for so long is dropped, in milliseconds; after twice as long, where it took
 * something at first. Long, since the kernel takes megabytes off our hands at once: what a slow client reads of them is not
 * seen here.
 */
const STALL_MS = 60_000
/** So often connections are looked at, in milliseconds. */
const LOOK_MS = 1000
/** Answers under way when the service stops may take so long, in milliseconds. */
const FINISH_MS = 8500
/** Requests that come while it stops may be refused for so long, in milliseconds; later ones are not looked at. */
const LAST_REQUESTS_MS = 1000
/** Connections are closed after so many turns in which nothing new came: the event loop may have been busy. */
const MIN_TURNS = 3
/** Refused connections are told of so often, in milliseconds. */
const TELL_MS = 60_000

/** Watches over the connections of a server: how many there are, what they ask at once, and what their clients take. */
export class Connections {
  readonly #server: Server
  readonly #pipelines = new Map<Socket, Pipeline>()
  /** Connections that only ask for health. */
  readonly #reserved = new Set<Socket>()
  readonly #turns = new Turns<Pipeline>()
  #tellFull = () => {}
  #queued = 0
  #admitted = 0

  /** @param server has its handler already, which is called for each request when it is that one's turn */
  constructor(server: Server) {
    this.#server = server
    const handlers = server.listeners('request')
    const handle = (request: IncomingMessage, answer: ServerResponse) => {
      if (this.#reserved.has(request.socket) && !this.#isForHealth(request, answer)) answerFull(answer)
      else for (const handler of handlers) handler.call(server, request, answer)
    }
    const ports = { handle, askForTurn: (pipeline: Pipeline) => this.#turns.ask(pipeline) }
    server.removeAllListeners('request').on('request', (request, answer) => this.#arrive(request, answer))
    server.on('connection', (socket) => this.#admit(socket, ports))
    const timer = setInterval(() => this.#look(), LOOK_MS)
    timer.unref()
    server.on('close', () => clearInterval(timer))
    this.#setKeepAlive()
  }

  #admit(socket: Socket, ports: ConstructorParameters<typeof Pipeline>[1]): void {
    if (this.#pipelines.size - this.#reserved.size >= MAX_CONNECTIONS && !this.#makeRoom()) {
      this.#tellFull()
      if (!isOfThisMachine(socket) || !this.#makeRoomInReserve()) {
        socket.destroy()
        return
      }
      this.#reserved.add(socket)
    }
    this.#pipelines.set(socket, new Pipeline(socket, ports))
    this.#admitted++
    this.#setKeepAlive()
    socket.on('close', () => {
      this.#pipelines.delete(socket)
      this.#reserved.delete(socket)
      this.#setKeepAlive()
    })
  }

  /** Closes the connection that has been idle for the longest time, if there is one: first among those that have asked. */
  #makeRoom(): boolean {
    const until = performance.now() - GRACE_MS
    const idle = [...this.#pipelines.values()].filter(
      ({ isIdle, answered, idleSince, socket }) =>
        isIdle && !this.#reserved.has(socket) && (answered > 0 || idleSince < until)
    )
    const asked = idle.filter(({ answered }) => answered > 0)
    const [longest] = (asked.length > 0 ? asked : idle).toSorted((a, b) => a.idleSince - b.idleSince)
    longest?.socket.destroy()
    if (longest) this.#pipelines.delete(longest.socket)
    return longest !== undefined
  }

  /** Closes the oldest of the reserved connections on which nothing is asked. */
  #makeRoomInReserve(): boolean {
    if (this.#reserved.size < MAX_RESERVED) return true
    for (const socket of this.#reserved) {
      if (!this.#pipelines.get(socket)?.isIdle) continue
      socket.destroy()
      this.#pipelines.delete(socket)
      return this.#reserved.delete(socket)
    }
    return false
  }

  #setKeepAlive(): void {
    const many = this.#pipelines.size >= MANY_CONNECTIONS
    this.#server.keepAliveTimeout = many ? SHORT_KEEP_ALIVE_MS : KEEP_ALIVE_MS
  }

  #isForHealth({ url = '' }: IncomingMessage, answer: ServerResponse): boolean {
    answer.setHeader('connection', 'close')
    return HEALTH.test(url)
  }

  /**
   * What comes next on a connection cannot be read: it ends when all that was asked before has been answered.
   * @param last its last answer, as it is sent
   */
  fail(socket: Socket, last: string | undefined): void {
    const pipeline = this.#pipelines.get(socket)
    if (pipeline) pipeline.fail(last)
    else socket.destroy()
  }

  #arrive(request: IncomingMessage, answer: ServerResponse): void {
    const pipeline = this.#pipelines.get(request.socket)
    if (!pipeline) return
    pipeline.arrive([request, answer])
    this.#trust(request.socket)
    if (pipeline.waiting > 0 && ++this.#queued % COUNT_EVERY === 0) this.#dropLongest()
  }

  /** Where too much waits, the connection on which most of it does is closed. */
  #dropLongest(): void {
    const pipelines = [...this.#pipelines.values()]
    const waiting = pipelines.reduce((total, pipeline) => total + pipeline.waiting, 0)
    if (waiting <= MAX_WAITING) return
    const longest = pipelines.reduce((most, pipeline) => (pipeline.waiting > most.waiting ? pipeline : most))
    longest.forgetWaiting()
    longest.socket.destroy()
  }

  // A time limit for the socket itself knows how much of a large answer has gone out already; it is set for those alone
  // that have something to take, since who waits for a build has not.
  #look(): void {
    const before = performance.now() - LOOK_MS
    for (const [socket, pipeline] of this.#pipelines) {
      this.#trust(socket)
      if (socket.writableLength > 0 && socket.timeout !== STALL_MS) socket.setTimeout(STALL_MS)
      if (pipeline.idleSince < before) pipeline.readOn()
    }
  }

  /** Who has taken all may wait as long as it likes; another limit than ours is that of an idle connection. */
  #trust(socket: Socket): void {
    if (socket.writableLength === 0 && socket.timeout === STALL_MS) socket.setTimeout(0)
  }

  /** Says that connections are refused, once in a while. */
  tellFull(warn: (message: string) => void): void {
    let toldAt = Number.NEGATIVE_INFINITY
    this.#tellFull = () => {
      if (performance.now() - toldAt < TELL_MS) return
      toldAt = performance.now()
      warn(`${MAX_CONNECTIONS} connections are open and busy; further ones are refused`)
    }
  }

  /**
   * Lets answers under way be finished, and nothing else hold a stop up. Node 20's own close cuts connections whose answer
   * has ended but is not sent yet, and waits for ones that never asked for anything.
   */
  async finish(): Promise<void> {
    const pipelines = [...this.#pipelines.values()]
    for (const pipeline of pipelines) pipeline.forgetWaiting()
    const answers = pipelines.flatMap(({ underWay }) => [...underWay]).filter(({ req }) => req.complete)
    const isBusy = () =>
      answers.some(({ closed }) => !closed) ||
      pipelines.some(({ socket }) => !socket.destroyed && socket.writableLength > 0)
    const began = performance.now()
    const elapsed = () => performance.now() - began
    // What was sent before the stop may not have been read yet, nor its connection accepted.
    const isAsked = () => [...this.#pipelines.values()].some(({ isIdle }) => !isIdle)
    let [quietTurns, admitted] = [0, this.#admitted]
    while (isBusy() ? elapsed() < FINISH_MS : quietTurns < MIN_TURNS && elapsed() < LAST_REQUESTS_MS) {
      await sleep(20)
      quietTurns = isAsked() || admitted !== this.#admitted ? 0 : quietTurns + 1
      admitted = this.#admitted
    }
    setImmediate(() => this.#server.closeAllConnections())
  }
}

function isOfThisMachine({ remoteAddress = '' }: Socket): boolean {
  return isLoopback(remoteAddress.replace(/^::ffff:/, ''))
}

/** A plugin to be registered last: what the app gives up when it stops is answered before its end is waited for. */
export async function finishAnswers(
  fastify: FastifyInstance,
  { connections }: { connections: Connections }
): Promise<void> {
  fastify.addHook('preClose', async () => connections.finish())
}
