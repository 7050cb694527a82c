import { rmSync } from 'node:fs'
import { answered } from './ask.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import { run } from './process.js'
import { inTurns, type Measures, type Runs } from './rounds.js'
import { firstAnswer, serving } from './start.js'
import { median, short } from './statistics.js'
import { ONE_PATH, rebuild, Subject } from './subject.js'
import { count, type Section, type Table } from './table.js'
import { targets } from './targets.js'
import { residentMb } from './tree.js'

export const line = 'How all of it grows with the number of reports: what bends, bends here'

const SIZES = [340, 1000, 3400, 10_000, 34_000, 100_000]
const MILLION = 1_000_000
const PAGES = 20

interface Work {
  name: string
  key: string
  unit: string
  /** Whether it is one of those that are wanted not to cost more per report at a million. */
  wanted?: boolean
}

const WORKS: Work[] = [
  { name: 'full build', key: 'ms', unit: 'ms', wanted: true },
  { name: 'build, no change', key: 'ms', unit: 'ms' },
  { name: 'refresh', key: 'ms', unit: 'ms', wanted: true },
  { name: 'one path', key: 'ms', unit: 'ms', wanted: true },
  { name: 'page of 100', key: 'ms', unit: 'ms', wanted: true },
  { name: 'first 200', key: 'ms', unit: 'ms' },
  { name: 'memory', key: 'mb', unit: 'MB', wanted: true }
]

export async function measure(options: Options): Promise<Section> {
  const { sizes = options.million ? [...SIZES, MILLION] : SIZES, rounds = 3 } = options
  const grown = new Map<number, Runs>()
  for (const size of sizes) {
    tell(`${size} reports`)
    grown.set(size, await scope(() => atSize(size, rounds)))
  }
  return { tables: [timesOf(grown), perReport(grown), ...million(grown)], notes: [NOTE] }
}

const NOTE =
  'The builds are processes of their own; refresh, one path and page are asked of a running service, whose memory is looked at ' +
  `after them. A page is one of ${PAGES} that follow each other by their cursors, none of them asked for before.`

async function atSize(size: number, rounds: number): Promise<Runs> {
  const subject = await Subject.of(size)
  const service = await subject.serve()
  const pid = service.child.pid as number
  const changed = () => {
    subject.change()
    return rebuild(service, ONE_PATH)
  }
  const works: Record<string, () => Promise<Measures>> = {
    refresh: () => rebuild(service),
    'one path': changed,
    'page of 100': () => pages(service.url),
    memory: async () => ({ mb: residentMb(pid) })
  }
  const contenders = Object.entries(works).map(([name, work]) => ({ name, run: work }))
  const inService = await inTurns(contenders, rounds)
  await service.stop()
  const fresh = await inTurns(processes(subject), rounds)
  return fresh.and(inService)
}

function processes(subject: Subject) {
  return [
    {
      name: 'full build',
      run() {
        rmSync(subject.manifest, { force: true })
        return run(subject.build('full build', ['--full']))
      }
    },
    { name: 'build, no change', run: () => run(subject.build('build, no change')) },
    { name: 'first 200', run: () => firstAnswer(serving(subject)) }
  ]
}

/** One page after the other. */
async function pages(url: string): Promise<Measures> {
  const times: number[] = []
  let cursor = ''
  for (let page = 0; page < PAGES; page++) {
    const { ms, body } = await answered(`${url}/reports-index?limit=100${cursor}`)
    times.push(ms)
    const { nextCursor } = JSON.parse(body.toString()) as { nextCursor?: string }
    if (!nextCursor) break
    cursor = `&cursor=${encodeURIComponent(nextCursor)}`
  }
  return { ms: median(times) }
}

const figure = (runs: Runs | undefined, { name, key }: Work) => runs?.of(name, key).median ?? Number.NaN

function timesOf(grown: Map<number, Runs>): Table {
  const columns = ['reports', ...WORKS.map(({ name, unit }) => `${name}, ${unit}`)]
  const rows = [...grown].map(([size, runs]) => [
    count(size),
    ...WORKS.map((work) => short(figure(runs, work)))
  ])
  return { title: 'Medians', columns, rows }
}

function perReport(grown: Map<number, Runs>): Table {
  const columns = ['reports', ...WORKS.map(({ name, unit }) => `${name}, ${unit === 'ms' ? 'µs' : 'KB'}`)]
  const rows = [...grown].map(([size, runs]) => [
    count(size),
    ...WORKS.map((work) => short((figure(runs, work) * 1000) / size))
  ])
  return { title: 'Per report', columns, rows }
}

function million(grown: Map<number, Runs>): Table[] {
  const [less, more] = [grown.get(MILLION / 10), grown.get(MILLION)]
  if (!less || !more) return []
  const rows = WORKS.filter(({ wanted }) => wanted).map((work) => [
    work.name,
    `${short(figure(less, work))} ${work.unit}`,
    `${short(figure(more, work))} ${work.unit}`,
    short(figure(more, work) / figure(less, work) / 10),
    targets.million.must,
    targets.million.goal
  ])
  const columns = ['work', count(MILLION / 10), count(MILLION), 'ratio to 10 ×', 'must', 'goal']
  return [{ title: 'A million beside ten times a hundred thousand', columns, rows }]
}
