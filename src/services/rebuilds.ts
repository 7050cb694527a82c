import type { Health } from '../schemas/health.js'
import type { Progress, RebuildOverview, ReportPath } from '../schemas/rebuild.js'
import type { Built } from './builder-messages.js'
import {
  BadPath,
  BuildFailed,
  Busy,
  ChildLost,
  NoListing,
  NotWritten,
  OwnBase,
  Stopping,
  UnknownBase
} from './errors.js'
import { type Asker, anyone, FairQueue } from './fair-queue.js'
import { isBelowBase, type Job, mergeJobs, refresh, type Tick } from './job.js'
import type { Snapshot } from './manifest.js'
import { type Place, Queue } from './queue.js'

/** The outside of the rebuilds. */
export interface RebuildPorts {
  /** Does one build; `handOver`: its listing is wanted here. */
  build(job: Job, handOver: boolean): Promise<Built>
  findEscape(paths: ReportPath[]): Promise<ReportPath | undefined>
  /** Gives the builder up. */
  stop(): Promise<void>
  /** Takes what a build made, before those who asked for it are answered. */
  landed(built: Built, job: Job, progress: Progress | undefined): Promise<void>
  failed(error: Error, job: Job): void
  /** Whether there is no listing to serve, so that a build's own is wanted. */
  wantsListing(): boolean
  /** Whether the manifest is there and can not be used. */
  wantsMending(): boolean
  baseNames: readonly string[]
  /** When the build began of which health tells, in milliseconds since 1970. */
  toldAt(): number | undefined
  /** Milliseconds since 1970. */
  now(): number
  /** Now, by the host's clock that never goes back. */
  tick(): Tick
}

/** So many requests may share the build that waits, and name so many paths. */
const MOST_WAITING = 1000
const MOST_PATHS = 100_000

/** Checks of requests that name so few paths wait for no others; of more, so many are checked in one turn. */
const FEW_PATHS = 16
const PATHS_IN_TURN = 64

/** So long is waited after the first mending in vain, at most, in milliseconds. */
const MEND_MS = 500
const MOST_MEND_MS = 60_000

/** Waiting for another process' build is told from then on, in milliseconds: builds of large bases take a while. */
const MIN_TOLD_WAIT_MS = 30_000

type Last = NonNullable<RebuildOverview['last']>

/** All builds of this process: by request and by the clock, one at a time. */
export class Rebuilds {
  readonly #ports: RebuildPorts
  readonly #queue: Queue<Job, Built>
  #running: { startedAt: string; mode: string; progress?: Progress } | undefined
  #last: Last | undefined
  #idle: RebuildOverview | undefined
  /** What is being checked counts towards the limits already. */
  #checking = { requests: 0, paths: 0 }
  readonly #fewInTurn = new FairQueue({ atOnce: 2, maxWaiting: MOST_WAITING, what: 'checks of paths' })
  readonly #manyInTurn = new FairQueue({ atOnce: 1, maxWaiting: MOST_WAITING, what: 'checks of paths' })
  #lastDurationMs: number | null = null
  #isDeferred = false
  #moved: readonly string[] = []
  #stopping = false
  #waitedMs: number | undefined
  #mendsInVain = 0
  #mendTimer: NodeJS.Timeout | undefined

  constructor(ports: RebuildPorts) {
    this.#ports = ports
    this.#queue = new Queue((job) => this.#build(job), mergeJobs)
  }

  /** Asks for a build that begins after now. Its place fails where the builder does, not where writing does. */
  request(job: Job): Place<Built> {
    const told = job.acceptRemovals.length > 0 ? { toldAt: this.#ports.toldAt() ?? 0 } : {}
    return this.#queue.request({ ...job, ...told, askedAt: this.#ports.tick() })
  }

  /**
   * Checks what a request names, and whether there is room for it.
   * @throws UnknownBase; OwnBase; BadPath where a path leads out of its base; Busy
   */
  async check({ paths, acceptRemovals, forgetBases = [] }: Job, asker = anyone()): Promise<void> {
    this.#checkRoom(paths.length)
    for (const name of [...paths.map(({ base }) => base), ...acceptRemovals]) {
      if (!this.#ports.baseNames.includes(name)) throw new UnknownBase(name)
    }
    const own = forgetBases.find((name) => this.#ports.baseNames.includes(name))
    if (own !== undefined) throw new OwnBase(own)
    const wrong = paths.find(({ rel }) => !isBelowBase(rel)) ?? (await this.#findEscape(paths, asker))
    if (wrong)
      throw new BadPath(`the path ${JSON.stringify(wrong.rel)} is not one below the base ${wrong.base}`)
  }

  #checkRoom(paths: number): void {
    const { requests = 0, job } = this.#queue.waiting ?? {}
    const allRequests = requests + this.#checking.requests
    const allPaths = (job?.paths.length ?? 0) + this.#checking.paths
    if (allRequests >= MOST_WAITING) throw new Busy(`${allRequests} requests for the next build`)
    // There is always room for who names a few.
    const mostPaths = paths > FEW_PATHS ? MOST_PATHS : MOST_PATHS + MOST_WAITING * FEW_PATHS
    if (paths + allPaths > mostPaths) throw new Busy(`${allPaths} paths`)
  }

  async #findEscape(paths: ReportPath[], asker: Asker): Promise<ReportPath | undefined> {
    if (paths.length === 0) return undefined
    const inTurn = paths.length > FEW_PATHS ? this.#manyInTurn : this.#fewInTurn
    this.#checking.requests++
    this.#checking.paths += paths.length
    try {
      for (let i = 0; i < paths.length; i += PATHS_IN_TURN) {
        const some = paths.slice(i, i + PATHS_IN_TURN)
        const escape = await inTurn.run(asker, () => this.#try(() => this.#ports.findEscape(some)))
        if (escape) return escape
      }
      return undefined
    } catch (error) {
      if (error instanceof Busy) throw error
      throw this.#stopping ? new Stopping() : new BuildFailed((error as Error).message)
    } finally {
      this.#checking.requests--
      this.#checking.paths -= paths.length
    }
  }

  /** The listing of the running build, or of one that is started for it. */
  async listing(): Promise<Snapshot> {
    const place = this.#queue.running ?? this.request(refresh)
    const { snapshot } = await place.done.catch((error: Error) => {
      throw new NoListing(error.message)
    })
    if (!snapshot) throw new NoListing('the build kept it')
    return snapshot
  }

  /**
   * Asks for a refresh that mends the manifest. When the last one was written and is no more to be read than what it
   * mended, as happens on mounts, the next one waits, longer each time.
   */
  mend(): void {
    if (this.#mendTimer || this.#stopping) return
    const waitMs = this.#mendsInVain === 0 ? 0 : Math.min(MEND_MS * 2 ** this.#mendsInVain, MOST_MEND_MS)
    if (waitMs === 0) {
      this.request({ ...refresh, mend: true })
      return
    }
    this.#mendTimer = setTimeout(() => {
      this.#mendTimer = undefined
      this.request({ ...refresh, mend: true })
    }, waitMs)
    this.#mendTimer.unref()
  }

  progress(progress: Progress): void {
    if (this.#running) this.#running.progress = progress
  }

  /** How the builds are; the same object while none runs and nothing changes. */
  overview(): RebuildOverview {
    const waiting = this.#queue.waiting !== undefined
    if (this.#running) return { running: this.#running, waiting, last: this.#last ?? null }
    const last = this.#last ?? null
    if (this.#idle?.last !== last || this.#idle.waiting !== waiting)
      this.#idle = { running: null, waiting, last }
    return this.#idle
  }

  /** The progress of what runs now. */
  get runningProgress(): Progress | undefined {
    return this.#running?.progress
  }

  /** Whether the manifest is not written yet, since its place may still be mounted over. */
  get isDeferred(): boolean {
    return this.#isDeferred
  }

  /** Bases whose reports were found in another folder before the last build. */
  get moved(): readonly string[] {
    return this.#moved
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  health(nextRunAt: string | null): Health['builder'] {
    return {
      running: this.isRunning,
      lastDurationMs: this.#lastDurationMs,
      lastError: this.#waitingSentence() ?? this.#last?.error?.message ?? null,
      nextRunAt
    }
  }

  /** Another process has the lock of the manifest for so long, in milliseconds; undefined: it is not waited for. */
  waiting(ms: number | undefined): void {
    this.#waitedMs = ms
  }

  #waitingSentence(): string | undefined {
    const ms = this.#waitedMs ?? 0
    if (ms < MIN_TOLD_WAIT_MS) return undefined
    return `another process has held the lock of the manifest for ${Math.round(ms / 1000)} s, so nothing is built; is it stopped?`
  }

  /** Takes no more work, refuses what waits, and gives a running build up. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#mendTimer)
    this.#queue.close(new Stopping())
    await this.#ports.stop()
  }

  /** A builder that was killed is started anew, once. */
  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (this.#stopping || !(error instanceof ChildLost)) throw error
      return await work()
    }
  }

  async #build(job: Job): Promise<Built> {
    const moment = () => new Date(this.#ports.now()).toISOString()
    this.#running = { startedAt: moment(), mode: job.mode }
    try {
      const handOver = this.#ports.wantsListing()
      const once = { ...job, paths: withoutRepeats(job.paths) }
      const built = await this.#try(() => this.#ports.build(once, handOver))
      await this.#ports.landed(built, job, this.#running.progress)
      const inVain = built.notWritten === undefined && this.#ports.wantsMending()
      this.#isDeferred = built.isDeferred === true
      this.#moved = built.moved ?? []
      this.#mendsInVain = inVain ? this.#mendsInVain + 1 : 0
      const error = built.notWritten === undefined ? undefined : new NotWritten(built.notWritten)
      this.#last = error
        ? failure(error, moment())
        : { state: 'done', endedAt: moment(), result: built.result }
      this.#lastDurationMs = built.result.durationMs
      return built
    } catch (cause) {
      if (this.#stopping) throw new Stopping()
      const error = new BuildFailed((cause as Error).message, { cause })
      this.#last = failure(error, moment())
      this.#ports.failed(error, job)
      throw error
    } finally {
      this.#running = undefined
    }
  }
}

/** Many may name the same paths. */
function withoutRepeats(paths: ReportPath[]): ReportPath[] {
  return [...new Map(paths.map((path) => [`${path.base}/${path.rel}`, path])).values()]
}

function failure({ code, message }: Error & { code: string }, endedAt: string): Last {
  return { state: 'failed', endedAt, error: { code, message } }
}
