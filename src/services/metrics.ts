import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { baseStates } from '../schemas/base-status.js'
import { type Health, manifestStates } from '../schemas/health.js'
import type { Progress } from '../schemas/rebuild.js'
import type { Built } from './builder-messages.js'
import { type Job, MODES } from './job.js'
import type { Snapshot } from './manifest.js'

/** Upper bounds of histogram buckets, in seconds. */
const ANSWER_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** In bytes. */
const ANSWER_BYTES = [0, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
const BUILD_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** Methods that have series of their own: anyone can send any. */
const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS']
/** The text is made at most so often, in milliseconds: it takes some milliseconds to make. */
const KEEP_MS = 1000
const RESULTS = ['done', 'done_elsewhere', 'not_written', 'failed']

/** What is asked for at every scrape. */
export interface MetricsPorts {
  version: string
  baseNames: readonly string[]
  /** As health tells it, from memory. */
  health(): Health
  listing(): Snapshot | undefined
  streams(): number
  /** Whether the process is ours, so that its own metrics are told, too. */
  isProcessOurs: boolean
}

/** What is counted and measured, in the form of Prometheus. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #registers = [this.#registry]
  readonly #requests = this.#histogram(
    'http_request_duration_seconds',
    'Time from a request to the end of its answer; streams of events are not in it',
    ['method', 'route', 'status_code'],
    ANSWER_SECONDS
  )
  readonly #sizes = this.#histogram(
    'http_response_size_bytes',
    'Size of the bodies of answers, as they were sent',
    ['method', 'route', 'status_code'],
    ANSWER_BYTES
  )
  readonly #builds = new Counter({
    name: 'reports_index_builds_total',
    help: 'Builds that ended: done, done by another process, not written, or failed',
    labelNames: ['mode', 'result'],
    registers: this.#registers
  })
  readonly #buildSeconds = this.#histogram(
    'build_duration_seconds',
    'Time that a build of this process took',
    ['mode'],
    BUILD_SECONDS
  )
  readonly #stepSeconds = this.#histogram(
    'build_step_duration_seconds',
    'Time that a step of a build took: load, scan, reconcile, save',
    ['step'],
    BUILD_SECONDS
  )
  readonly #folders = this.#perBase('folders_listed_total', 'Folders that builds listed')
  readonly #files = this.#perBase('files_examined_total', 'Reports that builds looked at')
  readonly #reads = this.#perBase('files_read_total', 'Reports whose head builds read')

  #text: Promise<Buffer> | undefined
  #madeAt = 0

  constructor(ports: MetricsPorts) {
    if (ports.isProcessOurs) collectDefaultMetrics({ register: this.#registry })
    this.#gauge('info', 'Which version this is', ['version'], (set) => set(1, { version: ports.version }))
    // What has not happened yet is told as 0, so that its first time is seen as an increase.
    for (const mode of MODES) for (const result of RESULTS) this.#builds.inc({ mode, result }, 0)
    for (const base of ports.baseNames)
      for (const counter of [this.#folders, this.#files, this.#reads]) counter.inc({ base }, 0)
    this.#gaugeListing(ports)
    this.#gaugeManifest(ports)
    this.#gaugeBases(ports)
    this.#gauge('event_streams', 'Open streams of events', [], (set) => set(ports.streams()))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** All of it, as it was up to a second ago. */
  async text(): Promise<Buffer> {
    const now = performance.now()
    if (!this.#text || now - this.#madeAt >= KEEP_MS) {
      this.#madeAt = now
      this.#text = this.#registry.metrics().then((text) => Buffer.from(text))
      this.#text.catch(() => (this.#text = undefined))
    }
    return await this.#text
  }

  /**
   * Counts an answer that was sent.
   * @param route its pattern
   * @param bytes of its body
   */
  answered(method: string, route: string, status: number, seconds: number, bytes: number): void {
    const labels = { method: METHODS.includes(method) ? method : 'other', route, status_code: status }
    this.#requests.observe(labels, seconds)
    this.#sizes.observe(labels, bytes)
  }

  /**
   * Counts a build.
   * @param progress how far it had come at last; undefined where another process did it
   */
  built({ result, notWritten }: Built, { mode }: Job, progress: Progress | undefined): void {
    const isOurs = result.steps.length > 0
    this.#builds.inc({ mode, result: notWritten ? 'not_written' : isOurs ? 'done' : 'done_elsewhere' })
    if (!isOurs) return
    this.#buildSeconds.observe({ mode }, result.durationMs / 1000)
    for (const { name, ms } of result.steps) this.#stepSeconds.observe({ step: name }, ms / 1000)
    for (const { name, folders, files, read } of progress?.bases ?? []) {
      this.#folders.inc({ base: name }, folders)
      this.#files.inc({ base: name }, files)
      this.#reads.inc({ base: name }, read)
    }
  }

  /** Counts a build that failed. */
  failed({ mode }: Job): void {
    this.#builds.inc({ mode, result: 'failed' })
  }

  #histogram<T extends string>(name: string, help: string, labelNames: T[], buckets: number[]): Histogram<T> {
    return new Histogram({
      name: `reports_index_${name}`,
      help,
      labelNames,
      buckets,
      registers: this.#registers
    })
  }

  #perBase(name: string, help: string): Counter<'base'> {
    return new Counter({
      name: `reports_index_${name}`,
      help,
      labelNames: ['base'],
      registers: this.#registers
    })
  }

  /** A value that is looked up when it is asked for. */
  #gauge<T extends string>(
    name: string,
    help: string,
    labelNames: T[],
    collect: (set: (value: number, labels?: Record<T, string>) => void) => void
  ): void {
    const gauge = new Gauge({
      name: `reports_index_${name}`,
      help,
      labelNames,
      registers: this.#registers,
      collect: () => {
        gauge.reset()
        if (labelNames.length === 0) gauge.remove()
        collect((value, labels) => (labels ? gauge.set(labels, value) : gauge.set(value)))
      }
    })
  }

  #gaugeListing({ listing }: MetricsPorts): void {
    this.#gauge('listing_entries', 'Entries in the listing that is served', [], (set) => {
      const snapshot = listing()
      if (snapshot) set(snapshot.count)
    })
    this.#gauge('listing_bytes', 'Size of the listing that is served, without a coding', [], (set) => {
      const snapshot = listing()
      if (snapshot) set(snapshot.body.length)
    })
    const changed = 'When the listing that is served was first written'
    this.#gauge('listing_changed_timestamp_seconds', changed, [], (set) => {
      const snapshot = listing()
      if (snapshot) set(secondsOf(snapshot.generatedAt))
    })
  }

  #gaugeManifest({ health }: MetricsPorts): void {
    this.#gauge('manifest_status', 'Whether the manifest is in this state: 1 or 0', ['status'], (set) => {
      const { status } = health().manifest
      for (const state of manifestStates) set(state === status ? 1 : 0, { status: state })
    })
    const age = 'Time since the last build that made or confirmed the listing ended'
    this.#gauge('manifest_age_seconds', age, [], (set) => {
      const { ageSeconds } = health().manifest
      if (ageSeconds !== null) set(ageSeconds)
    })
  }

  #gaugeBases({ health }: MetricsPorts): void {
    this.#gauge('base_status', 'Whether a base is in this state: 1 or 0', ['base', 'status'], (set) => {
      for (const { name, status } of health().bases)
        for (const state of baseStates) set(state === status ? 1 : 0, { base: name, status: state })
    })
    this.#gauge('base_entries', 'Entries of a base in the listing', ['base'], (set) => {
      for (const { name, count } of health().bases) set(count, { base: name })
    })
    const scanned = 'When a base last answered a whole scan'
    this.#gauge('base_scanned_timestamp_seconds', scanned, ['base'], (set) => {
      for (const { name, scannedAt } of health().bases)
        if (scannedAt !== null) set(secondsOf(scannedAt), { base: name })
    })
  }
}

function secondsOf(moment: string): number {
  return Date.parse(moment) / 1000
}
