import { setTimeout as sleep } from 'node:timers/promises'
import { answered } from './ask.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import { askSome, BARE_MEMORY, plantBodies, serveOther } from './others.js'
import { type Measures, Runs } from './rounds.js'
import { rebuild, Subject } from './subject.js'
import { COMPARED, rowsOf, type Section } from './table.js'
import { targets } from './targets.js'
import { residentMb, treeOf } from './tree.js'

export const line = 'Resident memory of the serving process after three builds, and a while later'

const BUILDS = 3
const SERVICE = 'serving process'
const BUILDER = 'its builder'

export async function measure({ sizes = [100_000], rounds = 1, minutes }: Options): Promise<Section> {
  const tables: Section['tables'] = []
  for (const size of sizes) {
    tell(`${size} reports`)
    const rows = await scope(() => atSize(size, rounds, minutes))
    tables.push({ columns: COMPARED, rows })
  }
  return { tables, notes: [noteOn(minutes)] }
}

const noteOn = (minutes: number) =>
  `After ${BUILDS} builds with a changed report each and 31 whole answers, and ${minutes} more minutes without a request ` +
  '(the target says 10). The builder is a process of its own, and may end when it is idle.'

async function atSize(size: number, rounds: number, minutes: number): Promise<string[][]> {
  const subject = await Subject.of(size)
  const told = new Map<string, Measures[]>([SERVICE, BUILDER, BARE_MEMORY].map((name) => [name, []]))
  for (let round = 1; round <= rounds; round++) {
    const measures = await scope(() => sideBySide(subject, minutes))
    for (const [name, mb] of Object.entries(measures)) told.get(name)?.push({ mb })
    tell(`round ${round} of ${rounds}`)
  }
  const runs = new Runs(told)
  const memory = { key: 'mb', unit: 'MB' }
  return rowsOf(runs, size, [
    { ...memory, name: SERVICE, anchor: BARE_MEMORY, target: targets.memory(size) },
    { ...memory, name: BUILDER, anchor: BARE_MEMORY },
    { ...memory, name: BARE_MEMORY }
  ])
}

async function sideBySide(subject: Subject, minutes: number): Promise<Record<string, number>> {
  const service = await subject.serve()
  for (let build = 0; build < BUILDS; build++) {
    subject.change()
    await rebuild(service)
  }
  await askSome(service.url)
  const { body } = await answered(`${service.url}/reports-index`)
  const folder = plantBodies([{ path: '/reports-index', etag: '"1"', bytes: body }])
  const other = await serveOther('bare', folder)
  await askSome(`http://127.0.0.1:${other.port}`)
  await sleep(minutes * 60_000)
  const [own, ...below] = treeOf(service.child.pid as number)
  return {
    [SERVICE]: residentMb(own as number),
    [BUILDER]: below.reduce((total, pid) => total + residentMb(pid), 0),
    [BARE_MEMORY]: residentMb(other.pid)
  }
}
