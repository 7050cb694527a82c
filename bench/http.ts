/*
 * What answers cost, beside those of others that serve the same bytes: this service; a bare Fastify route that returns a
 * constant Buffer and compares one ETag ("bare"); bare node:http; nginx with the bytes as static files, where it is
 * installed; and a route that filters and serialises objects per request, with @fastify/etag ("naive").
 */
import { join } from 'node:path'
import { plant, Service } from '../test/support.js'
import { answered } from './ask.js'
import { type Question, underLoad } from './clients.js'
import { atEnd, scope, tell, temporaryFolder } from './ending.js'
import { serveNginx } from './nginx.js'
import type { Options } from './options.js'
import { plantBodies, type Server, serveOther } from './others.js'
import type { Body } from './programs/bodies.js'
import { inTurns, type Runs } from './rounds.js'
import { short } from './statistics.js'
import { count, type Section, type Table } from './table.js'
import { answerTarget, NAIVE, type Target } from './targets.js'

export const line =
  'Answers under load: requests a second and CPU a request, beside others that serve the same bytes'

interface Case extends Question {
  name: string
}

const CASES: Case[] = [
  { name: '200 identity', path: '/reports-index', headers: {} },
  { name: '200 gzip', path: '/reports-index', headers: { 'accept-encoding': 'gzip' } },
  { name: '304', path: '/reports-index', headers: {}, known: true },
  { name: '?type=', path: '/reports-index?type=audit', headers: {} },
  { name: '?q=', path: '/reports-index?q=weekly', headers: {} }
]

const COLUMNS = [
  'answer',
  'server',
  'requests/s',
  'least to most',
  'of bare',
  'must',
  'goal',
  'CPU µs a request',
  'least to most',
  'CPU of bare',
  'must',
  'goal',
  'p50 ms',
  'p99 ms',
  'ours : it'
]

export async function measure({ sizes = [303, 10_000], rounds = 5, ms = 2000 }: Options): Promise<Section> {
  const tables: Table[] = []
  for (const size of sizes) tables.push(await scope(() => atSize(size, rounds, ms)))
  return { tables, notes: [NOTE] }
}

const NOTE =
  '8 connections, one request at a time on each, by a client in a process of its own. *ours : it* is how many requests this service ' +
  `answers for one of that server; beside naive it must be ${NAIVE.must} and should be ${NAIVE.goal}.`

const OURS = 'reports-index'
const BARE = 'bare'

async function atSize(size: number, rounds: number, ms: number): Promise<Table> {
  const service = await served(size)
  const bodies = await Promise.all(CASES.map(({ path }) => bodyOf(service.url, path)))
  const folder = plantBodies(bodies)
  const whole = (bodies[0] as Body).bytes
  const port = Number(new URL(service.url).port)
  const servers: Server[] = [
    { name: OURS, port, pid: service.child.pid as number, stop: () => service.stop() },
    await serveOther(BARE, folder),
    { ...(await serveOther('plain', folder)), name: 'node:http' },
    await serveOther('naive', folder),
    ...(await serveNginx(whole))
  ]
  const rows: string[][] = []
  for (const each of CASES) {
    tell(`${size} reports, ${each.name}`)
    const able = servers.filter((server) => canAnswer(server, each))
    const turns = able.map((server) => ({ name: server.name, run: () => underLoad(server, each, ms) }))
    rows.push(...rowsOf(await inTurns(turns, rounds), each.name, size))
  }
  return {
    title: `${count(size)} reports, ${count(whole.length)} bytes; ${rounds} rounds of ${ms} ms`,
    columns: COLUMNS,
    rows
  }
}

async function served(size: number): Promise<Service> {
  const folder = temporaryFolder()
  const report = (i: number) => [
    `a/${i % 40}/2026-0${1 + (i % 6)}-${10 + (i % 18)}-${i % 7 === 0 ? 'weekly' : 'daily'}-${i}.md`,
    `---\ntitle: ${i % 7 === 0 ? 'Weekly' : 'Daily'} report number ${i}\ntype: ${i % 3 ? 'plan' : 'audit'}\n---\n`
  ]
  plant(folder, Object.fromEntries(Array.from({ length: size }, (_, i) => report(i))))
  const settings = ['--base', `a=${folder}/a`, '--manifest', join(folder, 'm.json'), '--refresh', '0']
  const service = await Service.start(settings)
  atEnd(() => service.stop())
  await service.rebuild()
  return service
}

async function bodyOf(url: string, path: string): Promise<Body> {
  const { body, headers } = await answered(url + path)
  return { path, bytes: body, etag: String(headers.etag) }
}

/** nginx knows no filters, the naive one no codings. */
function canAnswer({ name }: Server, { path, headers }: Case): boolean {
  if (name === 'nginx') return !path.includes('?')
  return name !== 'naive' || !headers['accept-encoding']
}

function rowsOf(runs: Runs, answer: string, size: number): string[][] {
  const wanted = answerTarget(answer, size)
  return runs.names.map((name) => {
    const ours = name === OURS
    const rate = runs.of(name, 'rate')
    const cpu = runs.of(name, 'cpu')
    return [
      answer,
      name,
      short(rate.median),
      `${short(rate.least)} to ${short(rate.most)}`,
      short(runs.ratio(name, BARE, 'rate').median),
      ...pair(ours ? wanted.rate : undefined),
      short(cpu.median),
      `${short(cpu.least)} to ${short(cpu.most)}`,
      short(runs.ratio(name, BARE, 'cpu').median),
      ...pair(ours ? wanted.cpu : undefined),
      short(runs.of(name, 'p50').median),
      short(runs.of(name, 'p99').median),
      ours ? '' : short(runs.ratio(OURS, name, 'rate').median)
    ]
  })
}

const pair = (target: Target | undefined) => [target?.must ?? '', target?.goal ?? '']
