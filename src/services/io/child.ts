import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ChildLost } from '../errors.js'

/** What a process and its parent have to say to each other. */
export interface Talk {
  question: unknown
  answer: unknown
  /** What the process is told unasked. */
  told: unknown
  /** What the process says unasked. */
  said: unknown
}

/** What a process is told: a question that it owes an answer to, or a word. */
export type ToChild<T extends Talk> = { id: number; question: T['question'] } | { word: T['told'] }

/** What it says; `alive` while it owes an answer. */
export type FromChild<T extends Talk> =
  | { id: number; answer: T['answer'] }
  | { id: number; failure: string }
  | { word: T['said'] }
  | { alive: true }

export interface ChildOptions<T extends Talk> {
  /** The process's main module. */
  main: URL
  /** Threads for its file calls. */
  threads: number
  /** It may owe an answer and give no sign for so long, in milliseconds. */
  silenceMs: number
  /** Memory for what it makes, in MiB; absent: as much as the system gives. */
  mostMemory?: number
  /** Takes what it says unasked. */
  hear(word: T['said']): void
}

interface Waiting<A> {
  resolve(answer: A): void
  reject(error: Error): void
}

const LOOK_MS = 1000

/**
 * A process of our own that may hang in a file call. Then it is left behind: killed, which it may not notice before that
 * call has been answered, and not waited for.
 */
export class Child<T extends Talk> {
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  readonly #options: ChildOptions<T>
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting<T['answer']>>()
  #ids = 0
  #lost = false
  #silent = false
  #hasEnded = false
  #silentFor = 0
  #watch: NodeJS.Timeout | undefined

  constructor(options: ChildOptions<T>) {
    this.#options = options
    this.#process = fork(fileURLToPath(options.main), [], {
      // libuv reads the size of its thread pool when a process begins, so it is set here.
      env: { ...process.env, UV_THREADPOOL_SIZE: String(options.threads) },
      execArgv: options.mostMemory === undefined ? [] : [`--max-old-space-size=${options.mostMemory}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    this.#process.on('message', (message) => this.#hear(message as FromChild<T>))
    this.ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#hasEnded = true
        resolve()
        this.#lose(reason)
      }
      this.#process.on('exit', (code, signal) => end(`the process ended (${signal ?? code})`))
      // A message that can not be sent is one to a process whose end will be told.
      this.#process.on('error', (error: NodeJS.ErrnoException) => {
        if (this.#process.pid === undefined) end(`the process could not be started (${error.code})`)
      })
    })
  }

  /** Whether it has ended, or was left behind. */
  get isLost(): boolean {
    return this.#lost
  }

  /** Whether it was left behind since it gave no sign. */
  get wasSilent(): boolean {
    return this.#silent
  }

  /** The same, and it has not ended yet. */
  get isHanging(): boolean {
    return this.#silent && !this.#hasEnded
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0
  }

  /** @throws ChildLost when the process ends, or is left behind, before it answers */
  ask(question: T['question']): Promise<T['answer']> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      if (this.#lost) {
        reject(new ChildLost('the process has ended'))
        return
      }
      this.#waiting.set(id, { resolve, reject })
      this.#watchOver()
      this.#send({ id, question })
    })
  }

  tell(word: T['told']): void {
    this.#send({ word })
  }

  /** Leaves the process behind, whatever it does. */
  leave(reason: string): void {
    this.#lose(reason)
    this.#process.kill('SIGKILL')
    if (this.#process.connected) this.#process.disconnect()
    this.#process.unref()
  }

  #send(message: ToChild<T>): void {
    if (this.#process.connected) this.#process.send(message, () => {})
  }

  #hear(message: FromChild<T>): void {
    this.#silentFor = 0
    if ('word' in message) this.#options.hear(message.word)
    else if ('answer' in message) this.#take(message.id)?.resolve(message.answer)
    else if ('failure' in message) this.#take(message.id)?.reject(new Error(message.failure))
  }

  #take(id: number): Waiting<T['answer']> | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  // Looks are counted, not time: when this process itself was asleep, the other one was not silent.
  #watchOver(): void {
    if (this.#watch) return
    this.#silentFor = 0
    this.#watch = setInterval(() => {
      if (this.isIdle) {
        clearInterval(this.#watch)
        this.#watch = undefined
        return
      }
      this.#silentFor += LOOK_MS
      const { silenceMs } = this.#options
      if (this.#silentFor <= silenceMs) return
      this.#silent = true
      this.leave(`the process gave no sign for ${silenceMs / 1000} s`)
    }, LOOK_MS)
    this.#watch.unref()
  }

  #lose(reason: string): void {
    if (this.#lost) return
    this.#lost = true
    clearInterval(this.#watch)
    for (const { reject } of this.#waiting.values()) reject(new ChildLost(reason))
    this.#waiting.clear()
  }
}
