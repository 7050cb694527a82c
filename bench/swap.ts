import { setTimeout as sleep } from 'node:timers/promises'
import type { Service } from '../test/support.js'
import { client } from './clients.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import type { Orders, Told } from './programs/paced.js'
import { inTurns, type Measures, type Runs } from './rounds.js'
import { quantile, short } from './statistics.js'
import { ONE_PATH, rebuild, Subject } from './subject.js'
import { count, type Section, type Table } from './table.js'
import { targets } from './targets.js'

export const line =
  'GET while a new manifest is taken over every second, beside the same while nothing changes'

const CHANGE_EVERY_MS = 1000

interface Case {
  name: string
  path: string
  rate: number
  conditional: boolean
}

const CASES: Case[] = [
  { name: '304', path: '/reports-index', rate: 200, conditional: true },
  { name: 'page of 100', path: '/reports-index?limit=100', rate: 100, conditional: false },
  { name: 'whole', path: '/reports-index', rate: 10, conditional: false }
]

const COLUMNS = [
  'answer',
  'reports',
  'a second',
  'quiet p50',
  'quiet p99',
  'busy p50',
  'busy p99',
  'rounds',
  'p99 busy : quiet',
  'least to most',
  'failures',
  'must',
  'goal'
]

export async function measure({ sizes = [100_000], rounds = 3, ms = 10_000 }: Options): Promise<Section> {
  const tables: Table[] = []
  for (const size of sizes) {
    tell(`${size} reports`)
    tables.push({ columns: COLUMNS, rows: await scope(() => atSize(size, rounds, ms)) })
  }
  return { tables, notes: [NOTE] }
}

const NOTE =
  'A client in a process of its own asks at a fixed rate over kept connections; the time of a request counts from when it was due, ' +
  'so that those who wait behind a slow answer count as well. Milliseconds. *Busy*: a report is changed and its path named in ' +
  '`POST /rebuild` every second. The first conditional request after a change is answered with 200 and the whole; its time counts to its head.'

async function atSize(size: number, rounds: number, ms: number): Promise<string[][]> {
  const subject = await Subject.of(size)
  const service = await subject.serve()
  const rows: string[][] = []
  for (const each of CASES) {
    tell(each.name)
    const orders = { ...each, url: service.url + each.path, ms }
    const quiet = { name: 'quiet', run: () => asked(orders) }
    const busy = { name: 'busy', run: () => whileBusy(subject, service, () => asked(orders)) }
    rows.push(row(each, size, await inTurns([quiet, busy], rounds)))
  }
  return rows
}

function row({ name, rate }: Case, size: number, runs: Runs): string[] {
  const ratio = runs.ratio('busy', 'quiet', 'p99')
  const failures = [...runs.values('quiet', 'failures'), ...runs.values('busy', 'failures')]
  const figures = ['quiet', 'busy'].flatMap((phase) =>
    ['p50', 'p99'].map((key) => short(runs.of(phase, key).median))
  )
  return [
    name,
    count(size),
    String(rate),
    ...figures,
    String(ratio.runs),
    short(ratio.median),
    `${short(ratio.least)} to ${short(ratio.most)}`,
    String(failures.reduce((total, each) => total + each, 0)),
    targets.swap.must,
    targets.swap.goal
  ]
}

async function asked(orders: Orders): Promise<Measures> {
  const { times, failures, news } = await client<Told>('paced', orders)
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), failures, news }
}

async function whileBusy<T>(subject: Subject, service: Service, work: () => Promise<T>): Promise<T> {
  const over = new AbortController()
  const [told] = await Promise.all([
    work().finally(() => over.abort()),
    changes(subject, service, over.signal)
  ])
  return told
}

async function changes(subject: Subject, service: Service, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const began = performance.now()
    subject.change()
    await rebuild(service, ONE_PATH)
    await sleep(Math.max(0, CHANGE_EVERY_MS - (performance.now() - began)))
  }
}
