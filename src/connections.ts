import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** So many connections are open at once; more are closed at once. */
const MOST_CONNECTIONS = 500
/** So many answers may be under way on one connection: who sends more requests without reading is dropped. */
const MOST_ANSWERS = 256
/**
 * A client that takes nothing of its answers for so long is dropped, in milliseconds; after twice as long, where it took
 * something at first. Long, since the kernel takes megabytes off our hands at once: what a slow client reads of them is not
 * seen here.
 */
const STALL_MS = 60_000
/** So often those are looked for, in milliseconds. */
const LOOK_MS = 5000
/** Answers under way when the service stops may take so long, in milliseconds. */
const FINISH_MS = 8500
/** Refused connections are told of so often, in milliseconds. */
const TELL_MS = 60_000

/** Answers under way on a connection; on the connection itself, since every request asks for it. */
const UNDER_WAY = Symbol('answers under way')

interface Watched extends Socket {
  [UNDER_WAY]?: number
}

/** Watches over the connections of a server: how many there are, and what their clients take. */
export class Connections {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #answers = new Set<ServerResponse>()

  constructor(server: Server) {
    this.#server = server
    server.maxConnections = MOST_CONNECTIONS
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('request', ({ socket }, answer) => this.#begin(socket, answer))
    const timer = setInterval(() => this.#dropStalled(), LOOK_MS)
    timer.unref()
    server.on('close', () => clearInterval(timer))
  }

  #begin(socket: Socket, answer: ServerResponse): void {
    const watched: Watched = socket
    const underWay = (watched[UNDER_WAY] ?? 0) + 1
    watched[UNDER_WAY] = underWay
    this.#answers.add(answer)
    answer.on('close', () => {
      this.#answers.delete(answer)
      watched[UNDER_WAY] = (watched[UNDER_WAY] ?? 1) - 1
    })
    this.#trust(socket)
    if (underWay > MOST_ANSWERS) socket.destroy()
  }

  // A time limit for the socket itself knows how much of a large answer has gone out already; it is set for those alone
  // that have something to take, since who waits for a build has not.
  #dropStalled(): void {
    for (const socket of this.#sockets) {
      this.#trust(socket)
      if (socket.writableLength > 0 && socket.timeout !== STALL_MS) socket.setTimeout(STALL_MS)
    }
  }

  /** Who has taken all may wait as long as it likes; another limit than ours is that of an idle connection. */
  #trust(socket: Socket): void {
    if (socket.writableLength === 0 && socket.timeout === STALL_MS) socket.setTimeout(0)
  }

  /** Says that connections are refused, once in a while. */
  tellDropped(warn: (message: string) => void): void {
    let toldAt = Number.NEGATIVE_INFINITY
    this.#server.on('drop', () => {
      if (performance.now() - toldAt < TELL_MS) return
      toldAt = performance.now()
      warn(`more than ${MOST_CONNECTIONS} connections are open; further ones are refused`)
    })
  }

  /**
   * Lets answers under way be finished, and nothing else hold a stop up. Node 20's own close cuts connections whose answer
   * has ended but is not sent yet, and waits for ones that never asked for anything.
   */
  async finish(): Promise<void> {
    const isBusy = () =>
      [...this.#answers].some(({ req }) => req.complete) ||
      [...this.#sockets].some(({ writableLength }) => writableLength > 0)
    const until = performance.now() + FINISH_MS
    while (performance.now() < until && isBusy()) await sleep(20)
    setImmediate(() => this.#server.closeAllConnections())
  }
}

/** A plugin to be registered last: what the app gives up when it stops is answered before its end is waited for. */
export async function finishAnswers(
  fastify: FastifyInstance,
  { connections }: { connections: Connections }
): Promise<void> {
  fastify.addHook('preClose', async () => connections.finish())
}
