import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** At most so many answers are under way on one connection; further requests wait for their turn. */
const MAX_UNDER_WAY = 8
/** No further answer is begun on a connection whose client has not taken so many bytes of earlier ones. */
const MAX_UNSENT = 1 << 20
/** A connection is not read while more requests than this wait on it. */
const MAX_READ_AHEAD = 256

/** A request that has arrived, and its answer. */
export type Exchange = readonly [request: IncomingMessage, answer: ServerResponse]

/** What a pipeline needs of its surroundings. */
export interface PipelinePorts {
  /** Begins an answer. */
  handle(request: IncomingMessage, answer: ServerResponse): void
  /** Asks for `beginNext` to be called, once the pipeline's turn has come. */
  askForTurn(pipeline: Pipeline): void
}

/**
 * The requests of one connection. HTTP/1.1 lets a client send many of them before it reads the first answer. The first one
 * begins at once; the others wait here until it is their turn, and are forgotten when the connection closes.
 */
export class Pipeline {
  readonly socket: Socket
  readonly #ports: PipelinePorts
  readonly #underWay = new Set<ServerResponse>()
  readonly #waiting: Exchange[] = []
  #isPaused = false
  /** What was read cannot be understood: the last answer, where there is one, and the answer whose request it cuts off. */
  #failure: { last: string | undefined; cut: ServerResponse | undefined } | undefined
  #idleSince = performance.now()
  #answered = 0

  constructor(socket: Socket, ports: PipelinePorts) {
    this.socket = socket
    this.#ports = ports
    socket.once('close', () => this.#close())
    // Node resumes a socket by itself whenever a request has been read to its end.
    socket.on('resume', () => {
      if (this.#isPaused) socket.pause()
    })
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length
  }

  get underWay(): Iterable<ServerResponse> {
    return this.#underWay
  }

  /** How many answers have ended. */
  get answered(): number {
    return this.#answered
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0 && this.#waiting.length === 0
  }

  /** When the last answer ended, or the connection was opened; by the clock that never goes back, in milliseconds. */
  get idleSince(): number {
    return this.#idleSince
  }

  /** A request has arrived. */
  arrive(exchange: Exchange): void {
    if (this.isIdle) return this.#begin(exchange)
    this.#waiting.push(exchange)
    if (this.#waiting.length > MAX_READ_AHEAD) this.#pause()
    if (this.#hasRoom()) this.#ports.askForTurn(this)
  }

  /**
   * Begins the answer to the first request that waits.
   * @returns whether there is another one that may begin
   */
  beginNext(): boolean {
    const next = this.#hasRoom() ? this.#waiting.shift() : undefined
    if (next) this.#begin(next)
    if (this.#waiting.length <= MAX_READ_AHEAD / 2) this.readOn()
    return this.#waiting.length > 0 && this.#hasRoom()
  }

  /** Reads on after a pause. A socket that is not read does not tell that its client has gone. */
  readOn(): void {
    if (!this.#isPaused || this.#failure) return
    this.#isPaused = false
    this.socket.resume()
  }

  /**
   * What comes next on the connection cannot be read. All that was asked before is answered first; then the connection ends.
   * @param last the last answer, as it is sent
   */
  fail(last: string | undefined): void {
    if (this.#failure) return
    const cut = [...this.#underWay].find(({ req }) => !req.complete)
    this.#failure = { last, cut }
    this.#pause()
    this.#endFailed()
  }

  #endFailed(): void {
    if (!this.#failure || this.#waiting.length > 0) return
    const { last, cut } = this.#failure
    for (const answer of this.#underWay) if (answer !== cut) return
    if (cut?.headersSent || !this.socket.writable) {
      this.socket.destroy()
      return
    }
    if (last !== undefined) this.socket.write(last)
    this.socket.destroySoon()
  }

  /** Forgets what waits: it is not answered. */
  forgetWaiting(): void {
    this.#waiting.length = 0
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
  }

  #hasRoom(): boolean {
    if (this.#underWay.size >= MAX_UNDER_WAY) return false
    let unsent = 0
    for (const answer of this.#underWay) unsent += answer.writableLength
    return unsent < MAX_UNSENT
  }

  #begin([request, answer]: Exchange): void {
    this.#underWay.add(answer)
    answer.once('close', () => {
      if (!this.#underWay.delete(answer)) return
      this.#answered++
      this.#idleSince = performance.now()
      if (this.#waiting.length > 0) this.#ports.askForTurn(this)
      else this.#endFailed()
    })
    this.#ports.handle(request, answer)
  }

  // Up to Node 22 an answer that waits behind another one is not told that its connection has closed. What Node tells, it
  // tells at once.
  #close(): void {
    this.forgetWaiting()
    if (this.#underWay.size > 0) setImmediate(() => this.#underWay.forEach(closeAnswer))
  }
}

/** Closes an answer whose connection has closed, as Node closes one that is being sent: once. */
export function closeAnswer(answer: ServerResponse): void {
  if (answer.closed) return
  answer.destroy()
  Object.assign(answer, { _closed: true }) // the mark by which Node knows it
  answer.emit('close')
}
