import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress, ReportPath } from '../../schemas/rebuild.js'
import type { BuilderQuestion, BuilderSaid, BuilderTalk, Built } from '../builder-messages.js'
import { ChildLost, LockTaken } from '../errors.js'
import type { Job } from '../job.js'
import type { Snapshot } from '../manifest.js'
import type { Settings } from '../settings.js'
import { Child } from './child.js'
import type { Lock } from './lock.js'
import type { LockPlace } from './lock-file.js'

export interface BuilderProcessOptions {
  /** The builder process's main module. */
  main: URL
  settings: Settings
  /** The manifest's absolute path, links resolved, and whether it lies on a local disk. */
  place(): { path: string; local: boolean }
  /**
   * The lock of a manifest. Held here and not in the builder process: one that hangs in a file call keeps what it holds
   * even when it is killed.
   */
  lock(place: LockPlace): Lock
  /** Another process has the lock for so long already, in milliseconds; undefined: it is not waited for any more. */
  waiting?(ms: number | undefined): void
  /** The listing that is served, for a builder that finds no manifest. */
  lastGood(): Snapshot | undefined
  progress(progress: Progress): void
  warn(message: string): void
  /** Who serves the manifest in this process. */
  reader?: {
    /** The digest of the listing in the manifest; undefined where it cannot be used, or did not answer. */
    readonly manifestEtag: string | undefined
    /** Looks at the manifest; while the lock is held nobody else changes it. */
    refresh(): Promise<void>
    /** The manifest that is being placed by this sign is not to be waited for; undefined: any is again. */
    expect(sign: string | undefined): void
    afterBuild(built: Built): Promise<void>
  }
  /** A builder that gives no sign for so long hangs, in milliseconds. */
  silenceMs: number
}

type BuilderChild = Child<BuilderTalk>

/** Threads for the manifest's own file calls, beside those for the bases. */
const SPARE_THREADS = 4
/** The lock is waited for so long, in milliseconds: by who has a listing to serve meanwhile, and by who has none. */
export const PATIENCE_MS = 5 * 60_000
const SHORT_PATIENCE_MS = 5000
/** A killed process is gone by then, or hangs in a file call; milliseconds. */
const LAST_MOMENT_MS = 1000
/** A build whose listing is not the one in the manifest then is made anew, so often in all. */
const MAX_TURNS = 3
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
  #wasRemote = false
  #holdsLock = false
  #path: string | undefined
  readonly #over = new AbortController()

  constructor(options: BuilderProcessOptions) {
    this.#options = options
  }

  /**
   * One build, or what another process' build has done already.
   * @param handOver whether its listing is wanted here; where there is none at all the lock is not waited for long, and
   * what is built without it is not written
   * @throws ChildLost when the process dies under it, LockTaken when another one builds on and on
   */
  async build(job: Job, handOver: boolean): Promise<Built> {
    const place = this.#settle()
    const isWaitedFor = handOver && this.#options.lastGood() === undefined
    const patience = {
      ms: isWaitedFor ? SHORT_PATIENCE_MS : PATIENCE_MS,
      signal: this.#over.signal,
      onWait: (ms: number) => this.#options.waiting?.(ms)
    }
    try {
      return await this.#options.lock(place).hold(
        async () => {
          this.#options.waiting?.(undefined)
          return this.#trustAgain(await this.#buildAndAdopt({ type: 'build', job, handOver, save: true }))
        },
        async () => (job.askedAt ? await this.#askForBuild({ type: 'covered', job, handOver }) : undefined),
        patience
      )
    } catch (error) {
      if (this.#over.signal.aborted) throw new ChildLost('the builder process was given up', { cause: error })
      if (!(error instanceof LockTaken) || !isWaitedFor) throw error
      return await this.#buildNow({ type: 'build', job, handOver, save: false })
    } finally {
      this.#options.waiting?.(undefined)
    }
  }

  /** One build that is not written, whoever else builds. */
  async scan(job: Job): Promise<Built> {
    this.#settle()
    return await this.#buildNow({ type: 'build', job, handOver: true, save: false })
  }

  /** The first of these paths that leads out of its base through a link. */
  async findEscape(paths: ReportPath[]): Promise<ReportPath | undefined> {
    const answer = await this.#running().ask({ type: 'check', paths })
    return answer.type === 'checked' ? answer.escape : undefined
  }

  /** Gives the process up, whatever it does. Its end is waited for a moment only, since it may hang. */
  async stop(): Promise<void> {
    this.#over.abort()
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

  /** Where the manifest lies now. A builder that knows another place is replaced. */
  #settle(): LockPlace {
    const { path, local } = this.#options.place()
    this.#wasRemote ||= !local
    if (this.#path !== undefined && this.#path !== path && this.#child?.isIdle)
      this.#child.leave('the manifest lies elsewhere now')
    this.#path = path
    return { path, local }
  }

  /** While the lock is held, nobody was told of the new listing: the old one may be served until this process has it. */
  async #buildAndAdopt(question: Extract<BuilderQuestion, { type: 'build' }>): Promise<Built> {
    const { reader } = this.#options
    this.#holdsLock = true
    try {
      await reader?.refresh()
      let built = await this.#buildNow(question)
      await reader?.afterBuild(built)
      // What is served has to be what was built: another one in its place was put there by somebody that knows of no lock.
      for (let turn = 1; turn < MAX_TURNS && this.#isAnotherServed(built); turn++) {
        built = await this.#buildNow({ ...question, job: { ...question.job, mend: true } })
        await reader?.afterBuild(built)
      }
      return this.#isAnotherServed(built) ? { ...built, notWritten: 'RI_ERR_OVERTAKEN' } : built
    } finally {
      this.#holdsLock = false
      reader?.expect(undefined)
    }
  }

  #isAnotherServed({ notWritten, isDeferred, result }: Built): boolean {
    const etag = this.#options.reader?.manifestEtag
    return notWritten === undefined && !isDeferred && etag !== undefined && etag !== result.etag
  }

  async #buildNow(question: BuilderQuestion): Promise<Built> {
    const built = await this.#askForBuild(question)
    if (!built) throw new Error('the builder process answered something else')
    return built
  }

  async #askForBuild(question: BuilderQuestion): Promise<Built | undefined> {
    const answer = await this.#running().ask(question)
    if (answer.type !== 'built') return undefined
    const { snapshot, ...built } = answer.built
    // A Buffer arrives as plain bytes.
    return snapshot ? { ...built, snapshot: { ...snapshot, body: Buffer.from(snapshot.body) } } : built
  }

  #running(): BuilderChild {
    if (this.#over.signal.aborted) throw new ChildLost('the builder process was given up')
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
  #trustAgain(built: Built): Built {
    if (this.#careful && built.status.bases.every(({ status }) => status !== 'unavailable')) {
      this.#careful = false
      this.#child?.leave('it need not be careful any more')
    }
    return built
  }

  #start(): BuilderChild {
    const { main, settings, silenceMs } = this.#options
    // Each base has a thread of its own at least: one that hangs keeps what it has.
    const threads = Math.max(settings.concurrency, settings.bases.length) + SPARE_THREADS
    const child: BuilderChild = new Child({
      main,
      threads,
      silenceMs,
      hear: (said) => this.#hear(child, said)
    })
    child.tell({ type: 'settings', settings, careful: this.#careful, wasRemote: this.#wasRemote })
    return child
  }

  #hear(child: BuilderChild, said: BuilderSaid): void {
    const { progress, warn, lastGood, reader } = this.#options
    if (said.type === 'progress') progress(said.progress)
    else if (said.type === 'warn') warn(said.message)
    else if (said.type === 'wantsLastGood') child.tell({ type: 'lastGood', snapshot: lastGood() })
    else if (this.#holdsLock && child === this.#child) reader?.expect(said.sign)
  }
}
