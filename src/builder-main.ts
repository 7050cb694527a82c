import { BaseScanner } from './scan/base-scanner.js'
import { distrustMounts, isLocal, readMounts } from './scan/mounts.js'
import { findOverlaps } from './scan/overlap.js'
import { realPathWithin } from './scan/real-path.js'
import { Builder } from './services/builder.js'
import type {
  BuilderAnswer,
  BuilderQuestion,
  BuilderSaid,
  BuilderTalk,
  Built,
  ToldBuilder
} from './services/builder-messages.js'
import { boundedManifestFile } from './services/io/bounded-manifest-file.js'
import { manifestFile } from './services/io/manifest-file.js'
import { answerParent } from './services/io/parent.js'
import { tick } from './services/io/tick.js'
import type { Snapshot } from './services/manifest.js'
import type { Outcome } from './services/outcome.js'
import { makeSelect } from './services/select.js'

/** The builder process: made by the service, told what to do by messages, gone with the service. */

/** Who waits for no more than what is remembered anyway waits so long, in milliseconds. */
const SHORT_MS = 1000

let house: ReturnType<typeof furnish> | undefined
let takeLastGood: (snapshot: Snapshot | undefined) => void = () => {}

function furnish({ settings, careful, wasRemote }: Extract<ToldBuilder, { type: 'settings' }>) {
  const { bases, concurrency, timeoutMs, maxDrop } = settings
  const mounts = careful ? distrustMounts : readMounts
  const manifest = realPathWithin(settings.manifest, mounts())
  const now = () => Date.now()
  const select = makeSelect(settings.include, settings.exclude)
  const limit = Math.max(1, Math.floor(concurrency / bases.length))
  const scanners = bases.map(
    (base) => new BaseScanner({ base, select, manifest, limit, timeoutMs, now, mounts })
  )
  const builder = new Builder({
    scanners,
    overlaps: () => findOverlaps(bases, mounts()),
    select,
    maxDrop,
    manifest: boundedManifestFile(
      manifestFile(manifest, () => bases.map(({ root }) => realPathWithin(root, mounts())), now),
      {
        limitMs: timeoutMs,
        shortMs: Math.min(timeoutMs, SHORT_MS),
        canHang: () => !isLocal(manifest, mounts()),
        isLocal: () => isLocal(manifest),
        wasRemote
      }
    ),
    lastGood: () => {
      say({ type: 'wantsLastGood' })
      return new Promise((resolve) => {
        takeLastGood = resolve
      })
    },
    now,
    tick,
    progress: (progress) => say({ type: 'progress', progress }),
    warn: (message) => say({ type: 'warn', message })
  })
  return { scanners, builder }
}

async function answer(question: BuilderQuestion): Promise<BuilderAnswer> {
  if (!house) throw new Error('no settings yet')
  if (question.type === 'check') return await check(question.paths, house.scanners)
  const { builder } = house
  const { job, handOver } = question
  const outcome =
    question.type === 'build' ? await builder.build(job, question.save) : await builder.covered(job)
  return outcome ? { type: 'built', built: built(outcome, handOver) } : { type: 'none' }
}

function built({ result, status, snapshot, notWritten }: Outcome, handOver: boolean): Built {
  const told = { result, status, ...(notWritten !== undefined && { notWritten }) }
  return handOver || notWritten !== undefined ? { ...told, snapshot: snapshot() } : told
}

async function check(
  paths: Extract<BuilderQuestion, { type: 'check' }>['paths'],
  scanners: BaseScanner[]
): Promise<BuilderAnswer> {
  for (const scanner of scanners) {
    const base = scanner.base.name
    const rels = paths.filter((path) => path.base === base).map(({ rel }) => rel)
    const rel = await scanner.findEscape(rels)
    if (rel !== undefined) return { type: 'checked', escape: { base, rel } }
  }
  return { type: 'checked' }
}

const say: (word: BuilderSaid) => void = answerParent<BuilderTalk>(
  async (question) => {
    try {
      return await answer(question)
    } catch (error) {
      const { name, code, stack } = error as NodeJS.ErrnoException
      say({ type: 'warn', message: `the builder failed: ${stack}` })
      throw new Error(code ?? name, { cause: error })
    }
  },
  (word) => {
    if (word.type === 'settings') house = furnish(word)
    // A Buffer arrives as plain bytes.
    else takeLastGood(word.snapshot && { ...word.snapshot, body: Buffer.from(word.snapshot.body) })
  }
)
