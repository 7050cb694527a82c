import type { Service } from '../test/support.js'
import { DURABLE, durableWrite, FIND, find } from './anchors.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import { contender } from './process.js'
import { type Contender, inTurns, type Measures } from './rounds.js'
import { ONE_PATH, rebuild, Subject } from './subject.js'
import { COMPARED, rowsOf, type Section } from './table.js'
import { onePath, targets } from './targets.js'

export const line =
  'The running service: POST /rebuild to its answer, with no change, with a changed report, and with its path named'

const UNCHANGED = 'refresh, no change'
const CHANGED = 'refresh, one changed'
const NAMED = 'one path named'

export async function measure({ sizes = [340, 10_000, 100_000], rounds = 9 }: Options): Promise<Section> {
  const tables: Section['tables'] = []
  for (const size of sizes) {
    tell(`${size} reports`)
    tables.push({ columns: COMPARED, rows: await scope(() => atSize(size, rounds)) })
  }
  return { tables, notes: [NOTE] }
}

const NOTE =
  'Over HTTP, by one client, the service being idle otherwise; CPU is that of the service and its builder. ' +
  'The report that changes gets another title each time.'

async function atSize(size: number, rounds: number): Promise<string[][]> {
  const subject = await Subject.of(size)
  const service = await subject.serve()
  await settle(service)
  const anchors = find(subject.folders).map(contender)
  const quiet = await inTurns([refresh(UNCHANGED, service, 0), ...anchors], rounds)
  const changed = await inTurns([refresh(CHANGED, service, 1, subject), ...anchors], rounds)
  const durable = durableWrite(subject.manifest)
  const named = await inTurns([refresh(NAMED, service, 1, subject, ONE_PATH), durable], rounds)
  return [
    ...rowsOf(quiet, size, [
      { name: UNCHANGED, anchor: FIND, target: targets.refresh(size) },
      { name: FIND }
    ]),
    ...rowsOf(changed, size, [{ name: CHANGED, anchor: FIND }]),
    ...rowsOf(named, size, [
      { name: NAMED, anchor: DURABLE, target: onePath(named.of(DURABLE, 'ms').median) },
      { name: DURABLE }
    ])
  ]
}

/** A report that was written just before it was looked at is looked into once more. */
async function settle(service: Service): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const { read } = await rebuild(service)
    if (read === 0) return
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** One that finds something else than it should has measured something else. */
function refresh(name: string, service: Service, reads: number, subject?: Subject, json?: object): Contender {
  return {
    name,
    async run(): Promise<Measures> {
      subject?.change()
      const told = await rebuild(service, json)
      if (told['read'] !== reads) throw new Error(`${name}: ${told['read']} read instead of ${reads}`)
      return told
    }
  }
}
