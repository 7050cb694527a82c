import { furnishBuilder, type House } from './builder-house.js'
import type { BaseScanner } from './scan/base-scanner.js'
import type {
  BuilderAnswer,
  BuilderQuestion,
  BuilderSaid,
  BuilderTalk,
  ToldBuilder
} from './services/builder-messages.js'
import { answerParent } from './services/io/parent.js'
import type { Snapshot } from './services/manifest.js'
import { builtFrom } from './services/outcome.js'
import { loadAll } from './services/parsers.js'

/** The builder process: made by the service, told what to do by messages, gone with the service. */

let house: House | undefined
let isFurnished = false
const parent = process.ppid
let takeLastGood: (snapshot: Snapshot | undefined) => void = () => {}

function furnish(told: Extract<ToldBuilder, { type: 'settings' }>): House {
  return furnishBuilder({
    ...told,
    lastGood: () => {
      say({ type: 'wantsLastGood' })
      return new Promise((resolve) => {
        takeLastGood = resolve
      })
    },
    progress: (progress) => say({ type: 'progress', progress }),
    warn: (message) => say({ type: 'warn', message }),
    placing: (sign) => say({ type: 'placing', sign }),
    // The lock went with it: calls that answer at once leave no turn in which its end would be noticed.
    isWanted: () => process.ppid === parent
  })
}

/** Parsers that were not wanted by the first build are loaded so much later, in milliseconds. */
const LATER_MS = 1000

async function answer(question: BuilderQuestion): Promise<BuilderAnswer> {
  if (!house) throw new Error('no settings yet')
  if (question.type === 'check') return await check(question.paths, house.scanners)
  const { builder } = house
  const { job, handOver } = question
  const outcome =
    question.type === 'build'
      ? await builder.buildUnlessCovered(job, question.save)
      : await builder.covered(job)
  // When the first work is done; what can not be loaded now is told when it is wanted.
  if (!isFurnished) setTimeout(() => void loadAll().catch(() => {}), LATER_MS)
  isFurnished = true
  return outcome ? { type: 'built', built: builtFrom(outcome, handOver) } : { type: 'none' }
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
