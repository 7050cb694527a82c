import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Progress, ReportPath } from '../../schemas/rebuild.js'
import type { Built, FromBuilder, ToBuilder } from '../builder-messages.js'
import { ChildLost } from '../errors.js'
import type { Job } from '../job.js'
import type { Snapshot } from '../manifest.js'
import type { Settings } from '../settings.js'

export interface BuilderProcessOptions {
  /** The builder process's main module. */
  main: URL
  settings: Settings
  progress(progress: Progress): void
  warn(message: string): void
}

interface Waiting {
  resolve(message: FromBuilder): void
  reject(error: Error): void
}

/** Threads for the manifest's own file calls, beside those for the bases. */
const SPARE_THREADS = 4
/** A killed process is gone by then, or hangs in a file call; milliseconds. */
const LAST_MOMENT_MS = 1000

/** The builder process seen from its parent. It is started when it is first needed, and anew when it died. */
export class BuilderProcess {
  readonly #options: BuilderProcessOptions
  readonly #waiting = new Map<number, Waiting>()
  #child: ChildProcess | undefined
  #ids = 0
  #stopped = false

  constructor(options: BuilderProcessOptions) {
    this.#options = options
  }

  /** Starts the process, so that the first build need not wait for it. */
  start(): ChildProcess {
    if (this.#child) return this.#child
    if (this.#stopped) throw new ChildLost('the builder process was given up')
    const { main, settings } = this.#options
    // libuv reads the size of its thread pool when the process begins, so it is set here.
    const threads = String(settings.concurrency + SPARE_THREADS)
    const child = fork(fileURLToPath(main), [], {
      env: { ...process.env, UV_THREADPOOL_SIZE: threads },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    child.on('message', (message) => this.#hear(message as FromBuilder))
    child.on('error', (error) => this.#lost(child, error.message))
    child.on('exit', (code, signal) => this.#lost(child, `the builder process ended (${signal ?? code})`))
    this.#child = child
    this.#tell(child, { type: 'settings', settings })
    return child
  }

  /**
   * One build.
   * @param handOver whether its listing is wanted here
   * @param lastGood a listing to go on from where there is no manifest
   * @throws ChildLost when the process dies under it
   */
  async build(job: Job, handOver: boolean, lastGood?: Snapshot): Promise<Built> {
    const known = lastGood && { lastGood }
    const message = await this.#ask((id) => ({ type: 'build', id, job, handOver, ...known }))
    if (message.type !== 'built') throw new Error('the builder process answered something else')
    const { snapshot, ...built } = message.built
    // A Buffer arrives as plain bytes.
    return snapshot ? { ...built, snapshot: { ...snapshot, body: Buffer.from(snapshot.body) } } : built
  }

  /** The first of these paths that leads out of its base through a link. */
  async findEscape(paths: ReportPath[]): Promise<ReportPath | undefined> {
    const message = await this.#ask((id) => ({ type: 'check', id, paths }))
    return message.type === 'checked' ? message.escape : undefined
  }

  /** Gives the process up, whatever it does. Its end is waited for a moment only, since it may hang. */
  async stop(): Promise<void> {
    this.#stopped = true
    const child = this.#child
    if (!child) return
    this.#lost(child, 'the builder process was given up')
    child.removeAllListeners('exit')
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    const moment = new AbortController()
    await Promise.race([ended, sleep(LAST_MOMENT_MS, undefined, { signal: moment.signal }).catch(() => {})])
    moment.abort()
    if (child.connected) child.disconnect()
    child.unref()
  }

  #ask(question: (id: number) => ToBuilder): Promise<FromBuilder> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#tell(this.start(), question(id))
    })
  }

  #tell(child: ChildProcess, message: ToBuilder): void {
    child.send(message, (error) => {
      if (error) this.#lost(child, error.message)
    })
  }

  #hear(message: FromBuilder): void {
    if (message.type === 'progress') this.#options.progress(message.progress)
    else if (message.type === 'warn') this.#options.warn(message.message)
    else if (message.type === 'failed') this.#take(message.id)?.reject(new Error(message.message))
    else this.#take(message.id)?.resolve(message)
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #lost(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return
    this.#child = undefined
    for (const { reject } of this.#waiting.values()) reject(new ChildLost(reason))
    this.#waiting.clear()
  }
}
