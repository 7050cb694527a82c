import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { BaseStatus } from '../schemas/base-status.js'
import type { Progress, ReportPath } from '../schemas/rebuild.js'
import type { Built } from '../services/builder-messages.js'
import { notWritten as whyNotWritten } from '../services/errors.js'
import { DEFERRED, movedNote } from '../services/health.js'
import { type Job, refresh, type Tick } from '../services/job.js'
import type { Snapshot } from '../services/manifest.js'
import type { Reader } from '../services/reader.js'
import { Rebuilds } from '../services/rebuilds.js'
import '../services/decorators.js'

export interface BuilderPluginOptions {
  /** Whether a build is begun when the service is ready. */
  byItself: boolean
  /** Makes the builder process. */
  process: (listen: {
    progress(progress: Progress): void
    warn(message: string): void
    lastGood(): Snapshot | undefined
    waiting(ms: number | undefined): void
    reader: Pick<Reader, 'refresh' | 'expect' | 'afterBuild' | 'manifestEtag'>
  }) => {
    build(job: Job, handOver: boolean): Promise<Built>
    findEscape(paths: ReportPath[]): Promise<ReportPath | undefined>
    stop(): Promise<void>
  }
  baseNames: readonly string[]
  now: () => number
  tick: () => Tick
}

/** Has the manifest built, by request and by the clock, as `fastify.builder`. */
export default fp<BuilderPluginOptions>(
  async function builderPlugin(fastify: FastifyInstance, { byItself, process, baseNames, now, tick }) {
    const log = fastify.log
    const child = process({
      progress(progress) {
        builder.progress(progress)
        tellProgress(progress)
      },
      warn: (message) => log.warn(message),
      lastGood: () => fastify.reader.lastGood,
      waiting: (ms) => builder.waiting(ms),
      reader: fastify.reader
    })
    const tellBases = teller(log)
    const tellNotes = noteTeller(log)
    const tellProgress = progressTeller(log)
    const builder = new Rebuilds({
      async build(job, handOver) {
        // If the manifest is gone, a builder that knows nothing goes on from what is served.
        await fastify.reader.refresh()
        return await child.build(job, handOver)
      },
      findEscape: (paths) => child.findEscape(paths),
      stop: () => child.stop(),
      async landed(built, job, progress) {
        logBuild(log, built, job)
        fastify.metrics.built(built, job, progress)
        tellBases(built.status.bases)
        tellNotes([
          ...(built.otherSettings ?? []),
          ...(built.moved ?? []).map(movedNote),
          ...(built.isDeferred ? [DEFERRED] : [])
        ])
        await fastify.reader.afterBuild(built)
      },
      failed(error, job) {
        log.error(error, error.message)
        fastify.metrics.failed(job)
      },
      wantsListing: () => fastify.reader.wantsListing,
      wantsMending: () => fastify.reader.wantsMending,
      baseNames,
      toldAt: () => fastify.reader.toldAt,
      now,
      tick
    })
    fastify.decorate('builder', builder)
    fastify.addHook('onReady', async () => {
      if (byItself && !builder.isRunning) builder.request(refresh)
    })
    fastify.addHook('preClose', async () => builder.stop())
  },
  {
    name: 'reports-index-builder',
    dependencies: ['reports-index-reader', 'reports-index-metrics'],
    fastify: '5.x'
  }
)

function logBuild(log: FastifyBaseLogger, { result, notWritten }: Built, job: Job): void {
  const { count, added, updated, removed, durationMs, warnings } = result
  const line = `build: ${count} reports (+${added} ~${updated} -${removed}) in ${Math.round(durationMs)} ms`
  const facts = { mode: job.mode, count, added, updated, removed, durationMs, warnings: warnings.length }
  if (notWritten !== undefined)
    log.error({ ...facts, code: notWritten }, `${line}; ${whyNotWritten(notWritten)}`)
  else if (added + updated + removed > 0) log.info(facts, line)
  else log.debug(facts, line)
}

/** A long build tells how far it is so often, in milliseconds. */
const PROGRESS_MS = 10_000

function progressTeller(log: FastifyBaseLogger): (progress: Progress) => void {
  let toldAt = performance.now()
  return ({ step, bases }) => {
    if (step === 'load') toldAt = performance.now()
    if (performance.now() - toldAt < PROGRESS_MS) return
    toldAt = performance.now()
    const parts = bases.map(({ name, files, read }) => `${name}: ${files} looked at, ${read} read`)
    log.info({ step, bases }, `still building (${step}): ${parts.join('; ')}`)
  }
}

/** Tells what an operator should know, once per change. */
function noteTeller(log: FastifyBaseLogger): (notes: readonly string[]) => void {
  let told = ''
  return (notes) => {
    if (told === notes.join()) return
    told = notes.join()
    for (const note of notes) log.warn(note)
  }
}

/** Tells how the bases are, once per change. */
function teller(log: FastifyBaseLogger): (bases: readonly BaseStatus[]) => void {
  const told = new Map<string, string>()
  return (bases) => {
    for (const { name, status, error } of bases) {
      const before = told.get(name) ?? 'ok'
      if (before === status) continue
      told.set(name, status)
      if (status === 'ok') log.info({ base: name }, `base ${name} is ok again`)
      else log.warn({ base: name, status }, `base ${name} is ${status}: ${error}`)
    }
  }
}
