import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress, ReportPath } from '../../schemas/rebuild.js'
import type { BuilderQuestion, BuilderSaid, BuilderTalk, Built } from '../builder-messages.js'
import { ChildLost } from '../errors.js'
import type { Job } from '../job.js'
import type { Snapshot } from '../manifest.js'
import type { Settings } from '../settings.js'
import { Child } from './child.js'
import type { Lock } from './lock.js'

export interface BuilderProcessOptions {
  /** The builder process's main module. */
  main: URL
  settings: Settings
  /**
   * Held here and not in the builder process: one that hangs in a file call keeps what it holds even when it is killed.
   */
  lock: Lock
  /** The listing that is served, for a builder that finds no manifest. */
  lastGood(): Snapshot | undefined
  progress(progress: Progress): void
  warn(message: string): void
  /** A builder that gives no sign for so long hangs, in milliseconds. */
  silenceMs: number
}

type BuilderChild = Child<BuilderTalk>

/** Threads for the manifest's own file calls, beside those for the bases. */
const SPARE_THREADS = 4
/** A killed process is gone by then, or hangs in a file call; milliseconds. */
const LAST_MOMENT_MS = 1000
/** So many may hang, left behind: one that trusted a local disk, and a careful one. */
const MOST_HANGING = 2

/**
 * The builder process seen from its parent. It is started when it is first needed, and anew when it died. One that hangs
 * is left behind, and the next one is careful: it takes every disk but the root's for one that can hang.
 */
export class BuilderProcess {
  readonly #options: BuilderProcessOptions
  #hanging: BuilderChild[] = []
  #child: BuilderChild | undefined
  #careful = false
  #stopped = false

  constructor(options: BuilderProcessOptions) {
    this.#options = options
  }

  /**
   * One build, or what another process' build has done already.
   * @param handOver whether its listing is wanted here
   * @throws ChildLost when the process dies under it
   */
  async build(job: Job, handOver: boolean): Promise<Built> {
    return await this.#options.lock.hold(
      async () => {
        const built = await this.#askForBuild({ type: 'build', job, handOver })
        if (!built) throw new Error('the builder process answered something else')
        this.#trustAgain(built)
        return built
      },
      async () => (job.askedAt ? await this.#askForBuild({ type: 'covered', job, handOver }) : undefined)
    )
  }

  /** The first of these paths that leads out of its base through a link. */
  async findEscape(paths: ReportPath[]): Promise<ReportPath | undefined> {
    const answer = await this.#running().ask({ type: 'check', paths })
    return answer.type === 'checked' ? answer.escape : undefined
  }

  /** Gives the process up, whatever it does. Its end is waited for a moment only, since it may hang. */
  async stop(): Promise<void> {
    this.#stopped = true
    const child = this.#child
    if (!child) return
    child.leave('the builder process was given up')
    const moment = new AbortController()
    await Promise.race([
      child.ended,
      sleep(LAST_MOMENT_MS, undefined, { signal: moment.signal }).catch(() => {})
    ])
    moment.abort()
  }

  async #askForBuild(question: BuilderQuestion): Promise<Built | undefined> {
    const answer = await this.#running().ask(question)
    if (answer.type !== 'built') return undefined
    const { snapshot, ...built } = answer.built
    // A Buffer arrives as plain bytes.
    return snapshot ? { ...built, snapshot: { ...snapshot, body: Buffer.from(snapshot.body) } } : built
  }

  #running(): BuilderChild {
    if (this.#stopped) throw new ChildLost('the builder process was given up')
    if (this.#child && !this.#child.isLost) return this.#child
    if (this.#child?.wasSilent) this.#distrust(this.#child)
    this.#hanging = this.#hanging.filter(({ isHanging }) => isHanging)
    if (this.#hanging.length >= MOST_HANGING)
      throw new ChildLost(
        'the builder process hangs in a file call that is not answered; no other is started beside it'
      )
    this.#child = this.#start()
    return this.#child
  }

  #distrust(child: BuilderChild): void {
    this.#careful = true
    this.#hanging.push(child)
    this.#options.warn('the builder process hung and was left behind; the next one takes no disk for granted')
  }

  /** When all bases have answered a careful builder, the disks can be trusted again. */
  #trustAgain({ status }: Built): void {
    if (!this.#careful || status.bases.some((base) => base.status === 'unavailable')) return
    this.#careful = false
    this.#child?.leave('it need not be careful any more')
  }

  #start(): BuilderChild {
    const { main, settings, silenceMs } = this.#options
    const threads = settings.concurrency + SPARE_THREADS
    const child: BuilderChild = new Child({
      main,
      threads,
      silenceMs,
      hear: (said) => this.#hear(child, said)
    })
    child.tell({ type: 'settings', settings, careful: this.#careful })
    return child
  }

  #hear(child: BuilderChild, said: BuilderSaid): void {
    const { progress, warn, lastGood } = this.#options
    if (said.type === 'progress') progress(said.progress)
    else if (said.type === 'warn') warn(said.message)
    else child.tell({ type: 'lastGood', snapshot: lastGood() })
  }
}
