/*
 * What answers cost, beside those of others that serve the same bytes: this service; a bare Fastify route that returns a
 * constant Buffer and compares one ETag ("bare"); bare node:http; nginx with the bytes as static files, where it is
 * installed; and a route that filters and serialises objects per request, with @fastify/etag ("naive"). All in turns, in one
 * run: what counts are the ratios. CPU is user + system of the server's process tree.
 *
 *   npm run bench:http [rounds] [milliseconds a turn]
 */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fastifyEtag from '@fastify/etag'
import fastify from 'fastify'
import type { Entry } from '../src/schemas/entry.js'
import type { Listing } from '../src/schemas/listing.js'
import { childrenOf, plant, Service } from '../test/support.js'

const SELF = fileURLToPath(import.meta.url)
const CONNECTIONS = 8
const SIZES = [303, 10_000]

interface Case {
  name: string
  path: string
  headers: Record<string, string>
  /** Whether the tag of the answer is sent along. */
  known?: boolean
}

const CASES: Case[] = [
  { name: '200 identity', path: '/reports-index', headers: {} },
  { name: '200 gzip', path: '/reports-index', headers: { 'accept-encoding': 'gzip' } },
  { name: '304', path: '/reports-index', headers: {}, known: true },
  { name: '?type=', path: '/reports-index?type=audit', headers: {} },
  { name: '?q=', path: '/reports-index?q=weekly', headers: {} }
]

/** What the others serve: the same bytes, by path and coding. */
type Bodies = Record<string, { identity: string; gzip: string; etag: string }>

interface Server {
  name: string
  port: number
  pid: number
  stop(): void
}

interface Turn {
  requests: number
  seconds: number
  cpuUs: number
  p50: number
  p99: number
}

/** CPU that a process and those it started have used, in microseconds. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const own = (Number(fields[11]) + Number(fields[12])) * 10_000
  return own + childrenOf(pid).reduce((total, child) => total + cpuOf(child), 0)
}

/** The first whole answer to a request: its length in bytes, and its tag. */
function probe(port: number, text: string): Promise<{ length: number; status: number; etag: string }> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('error', reject)
    socket.on('data', (data) => {
      seen = Buffer.concat([seen, data])
      const end = seen.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = seen.toString('latin1', 0, end)
      const length = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (seen.length < length) return
      socket.destroy()
      resolve({ length, status: Number(head.slice(9, 12)), etag: /etag: (\S+)/i.exec(head)?.[1] ?? '' })
    })
  })
}

function requestText({ path, headers }: Case, etag?: string): string {
  const all = { host: '127.0.0.1', ...headers, ...(etag && { 'if-none-match': etag }) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** A client that asks for so long over some connections, one request at a time on each; run in a process of its own. */
function load(port: number, text: string, length: number, ms: number): void {
  const times: number[] = []
  const end = performance.now() + ms
  let open = CONNECTIONS
  for (let i = 0; i < CONNECTIONS; i++) {
    let got = 0
    let began = 0
    const socket = net.connect(port, '127.0.0.1', () => {
      began = performance.now()
      socket.write(text)
    })
    socket.on('data', (data) => {
      got += data.length
      if (got < length) return
      if (got > length) throw new Error(`an answer of ${got} bytes instead of ${length}`)
      got = 0
      const now = performance.now()
      times.push(now - began)
      began = now
      if (now < end) socket.write(text)
      else socket.destroy()
    })
    socket.on('close', () => {
      if (--open > 0) return
      times.sort((a, b) => a - b)
      const at = (share: number) => times[Math.floor(share * (times.length - 1))]
      process.send?.({ requests: times.length, seconds: ms / 1000, p50: at(0.5), p99: at(0.99) })
    })
  }
}

async function measure(server: Server, text: string, length: number, ms: number): Promise<Turn> {
  const client = fork(SELF, ['load', String(server.port), text, String(length), String(ms)])
  const before = cpuOf(server.pid)
  const told = await new Promise<Omit<Turn, 'cpuUs'>>((resolve, reject) => {
    client.on('message', (message) => resolve(message as Omit<Turn, 'cpuUs'>))
    client.on('exit', (code) => code && reject(new Error('the client failed')))
  })
  const cpuUs = (cpuOf(server.pid) - before) / told.requests
  client.disconnect()
  return { ...told, cpuUs }
}

/** The others, each run in a process of its own. */
async function serveOther(kind: string, file: string): Promise<void> {
  const { bodies, reports } = JSON.parse(readFileSync(file, 'utf8')) as { bodies: Bodies; reports: Entry[] }
  const made = new Map(
    Object.entries(bodies).map(([path, body]) => [
      path,
      {
        identity: Buffer.from(body.identity, 'base64'),
        gzip: Buffer.from(body.gzip, 'base64'),
        etag: body.etag
      }
    ])
  )
  const type = 'application/json; charset=utf-8'
  if (kind === 'node:http') {
    const server = http.createServer((request, answer) => {
      const body = made.get(request.url as string) as { identity: Buffer; gzip: Buffer; etag: string }
      if (request.headers['if-none-match'] === body.etag) {
        answer.writeHead(304, { etag: body.etag }).end()
        return
      }
      const coding = request.headers['accept-encoding'] === 'gzip' ? 'gzip' : 'identity'
      const coded = coding === 'gzip' ? { 'content-encoding': 'gzip' } : {}
      answer.writeHead(200, {
        etag: body.etag,
        'content-type': type,
        'content-length': body[coding].length,
        ...coded
      })
      answer.end(body[coding])
    })
    server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
    return
  }
  const server = fastify()
  if (kind === 'naive') {
    await server.register(fastifyEtag)
    server.get<{ Querystring: { type?: string; q?: string } }>('/reports-index', async (request) => {
      const { type: wanted, q } = request.query
      const some = reports.filter(
        (entry) =>
          (!wanted || entry.type === wanted) &&
          (!q || `${entry.title} ${entry.rel}`.toLowerCase().includes(q.toLowerCase()))
      )
      return { total: some.length, count: some.length, reports: some }
    })
  } else {
    server.get('/reports-index', (request, reply) => {
      const body = made.get(request.url) as { identity: Buffer; gzip: Buffer; etag: string }
      reply.header('etag', body.etag)
      if (request.headers['if-none-match'] === body.etag) return reply.code(304).send()
      reply.type(type)
      if (request.headers['accept-encoding'] !== 'gzip') return reply.send(body.identity)
      return reply.header('content-encoding', 'gzip').send(body.gzip)
    })
  }
  await server.listen({ port: 0, host: '127.0.0.1' })
  process.send?.((server.server.address() as AddressInfo).port)
}

function startOther(kind: string, file: string): Promise<Server> {
  const child = fork(SELF, ['serve', kind, file], { execArgv: [] })
  return new Promise((resolve) =>
    child.on('message', (port) =>
      resolve({ name: kind, port: port as number, pid: child.pid as number, stop: () => child.kill() })
    )
  )
}

async function startNginx(folder: string, bodies: Bodies): Promise<Server | undefined> {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'pipe' })
  } catch {
    return undefined
  }
  const port = await new Promise<number>((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as AddressInfo
      server.close(() => resolve(free))
    })
  })
  const root = join(folder, 'nginx')
  mkdirSync(root)
  const body = bodies['/reports-index'] as Bodies[string]
  writeFileSync(join(root, 'reports-index'), Buffer.from(body.identity, 'base64'))
  writeFileSync(join(root, 'reports-index.gz'), Buffer.from(body.gzip, 'base64'))
  writeFileSync(
    join(root, 'nginx.conf'),
    `worker_processes 1; daemon off; pid ${root}/pid; error_log stderr; user root;
events {}
http {
  access_log off; default_type application/json; gzip_static on; keepalive_requests 1000000;
  client_body_temp_path ${root}/1; proxy_temp_path ${root}/2; fastcgi_temp_path ${root}/3; uwsgi_temp_path ${root}/4;
  scgi_temp_path ${root}/5; open_file_cache max=10;
  server { listen 127.0.0.1:${port}; root ${root}; }
}`
  )
  const child: ChildProcess = spawn('nginx', ['-c', join(root, 'nginx.conf')], { stdio: 'ignore' })
  for (let i = 0; i < 100; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const up = await probe(port, requestText(CASES[0] as Case)).catch(() => undefined)
    if (up) return { name: 'nginx', port, pid: child.pid as number, stop: () => child.kill() }
  }
  child.kill()
  return undefined
}

async function bodiesOf(url: string): Promise<{ bodies: Bodies; reports: Entry[] }> {
  const bodies: Bodies = {}
  for (const { path } of CASES) {
    const answer = await fetch(url + path, { headers: { 'accept-encoding': 'identity' } })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const etag = answer.headers.get('etag') as string
    bodies[path] = {
      identity: bytes.toString('base64'),
      gzip: gzipSync(bytes).toString('base64'),
      etag
    }
  }
  const listing = (await (await fetch(`${url}/reports-index`)).json()) as Listing
  return { bodies, reports: listing.reports }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
const spread = (values: number[], digits: number) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`

async function bench(count: number, rounds: number, ms: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reports-index-bench-'))
  plant(
    folder,
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [
        `a/${i % 40}/2026-0${1 + (i % 6)}-${10 + (i % 18)}-${i % 7 === 0 ? 'weekly' : 'daily'}-${i}.md`,
        `---\ntitle: ${i % 7 === 0 ? 'Weekly' : 'Daily'} report number ${i}\ntype: ${i % 3 ? 'plan' : 'audit'}\n---\n`
      ])
    )
  )
  const service = await Service.start([
    '--base',
    `a=${folder}/a`,
    '--manifest',
    `${folder}/m.json`,
    '--refresh',
    '0'
  ])
  await service.rebuild()
  const told = await bodiesOf(service.url)
  const file = join(folder, 'bodies.json')
  writeFileSync(file, JSON.stringify(told))
  const servers: Server[] = [
    {
      name: 'reports-index',
      port: Number(new URL(service.url).port),
      pid: service.child.pid as number,
      stop: () => service.child.kill()
    },
    await startOther('bare', file),
    await startOther('node:http', file),
    await startOther('naive', file)
  ]
  const nginx = await startNginx(folder, told.bodies)
  if (nginx) servers.push(nginx)
  console.log(
    `\n${count} entries, ${Buffer.from(told.bodies['/reports-index']?.identity ?? '', 'base64').length} bytes; ${rounds} rounds of ${ms} ms, ${CONNECTIONS} connections; median (least to most)`
  )
  for (const each of CASES) {
    const turns = new Map<string, Turn[]>()
    const able = servers.filter(({ name }) => {
      if (name === 'nginx') return !each.path.includes('?')
      return name !== 'naive' || !each.headers['accept-encoding'] // it has no codings
    })
    for (let round = -1; round < rounds; round++) {
      for (const server of round % 2 ? able : able.toReversed()) {
        const { etag } = await probe(server.port, requestText(each))
        const text = requestText(each, each.known ? etag : undefined)
        const { length, status } = await probe(server.port, text)
        if (status !== (each.known ? 304 : 200)) throw new Error(`${server.name} answers ${status}`)
        const turn = await measure(server, text, length, round < 0 ? 500 : ms)
        if (round >= 0) turns.set(server.name, [...(turns.get(server.name) ?? []), turn])
      }
    }
    console.log(`\n${each.name}`)
    const bare = turns.get('bare') as Turn[]
    for (const { name } of able) {
      const mine = turns.get(name) as Turn[]
      const rates = mine.map(({ requests, seconds }) => requests / seconds)
      const cpu = mine.map(({ cpuUs }) => cpuUs)
      const perBare = (of: (turn: Turn) => number) => median(mine.map(of)) / median(bare.map(of))
      console.log(
        `  ${name.padEnd(14)} ${spread(rates, 0)} requests/s, ${perBare(({ requests, seconds }) => requests / seconds).toFixed(2)} of bare; ` +
          `CPU ${spread(cpu, 1)} us, ${perBare(({ cpuUs }) => cpuUs).toFixed(2)} of bare; ` +
          `p50 ${median(mine.map(({ p50 }) => p50)).toFixed(2)} p99 ${median(mine.map(({ p99 }) => p99)).toFixed(2)} ms`
      )
    }
  }
  for (const server of servers) server.stop()
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
}

const [role, ...args] = process.argv.slice(2)
if (role === 'load') load(Number(args[0]), args[1] as string, Number(args[2]), Number(args[3]))
else if (role === 'serve') await serveOther(args[0] as string, args[1] as string)
else for (const count of SIZES) await bench(count, Number(role ?? 5), Number(args[0] ?? 2000))
