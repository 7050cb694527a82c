import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { NODE, nodeStart } from './anchors.js'
import { answered } from './ask.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import { freePort, plantBodies } from './others.js'
import { contender, endGroup, start } from './process.js'
import { type Contender, inTurns } from './rounds.js'
import { Subject } from './subject.js'
import { COMPARED, rowsOf, type Section } from './table.js'
import { targets } from './targets.js'
import { CLI, script } from './tools.js'
import { cpuMsOfTree } from './tree.js'

export const line =
  'From the start of the process to the first whole 200 of GET /reports-index, with a manifest there'

const SERVE = 'serve'
const BARE = 'bare Fastify, same body'
const TRY_EVERY_MS = 2
const REQUEST = 'GET /reports-index HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n'

export async function measure({ sizes = [340, 100_000], rounds = 9 }: Options): Promise<Section> {
  const tables: Section['tables'] = []
  for (const size of sizes) {
    tell(`${size} reports`)
    tables.push({ columns: COMPARED, rows: await scope(() => atSize(size, rounds)) })
  }
  return { tables, notes: [NOTE] }
}

const NOTE =
  'A client tries to connect every 2 ms. CPU is what the tree of the process has used when the answer is there: ' +
  "the service's first build, which begins once it listens, is in it as far as it has come."

async function atSize(size: number, rounds: number): Promise<string[][]> {
  const subject = await Subject.of(size)
  const service = await subject.serve()
  const { body, headers } = await answered(`${service.url}/reports-index`)
  await service.stop()
  const folder = plantBodies([{ path: '/reports-index', etag: String(headers.etag), bytes: body }])
  const contenders = [
    starting(SERVE, serving(subject)),
    starting(BARE, (port) => [script('bare'), folder, port]),
    ...nodeStart().map(contender)
  ]
  const runs = await inTurns(contenders, rounds)
  return rowsOf(runs, size, [
    { name: SERVE, anchor: BARE, target: targets.start(size) },
    { name: SERVE, anchor: NODE },
    { name: BARE, anchor: NODE }
  ])
}

/** The arguments of a service on a port. */
export const serving = (subject: Subject) => (port: string) => [
  CLI,
  'serve',
  '--port',
  port,
  ...subject.settings
]

function starting(name: string, args: (port: string) => string[]): Contender {
  return { name, run: () => firstAnswer(args) }
}

/** Starts a server, waits for its first answer, ends it. */
export function firstAnswer(args: (port: string) => string[]) {
  return scope(async () => {
    const port = await freePort()
    const began = performance.now()
    const child = start(process.execPath, args(String(port)))
    child.stderr?.resume()
    while (!(await isAnswered(port))) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
      await sleep(TRY_EVERY_MS)
    }
    const ms = performance.now() - began
    const cpu = cpuMsOfTree(child.pid as number)
    await endGroup(child)
    return { ms, cpu }
  })
}

/** Whether the whole of an answer came; false where nobody listens yet. */
function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let head = ''
    const socket = net.connect(port, '127.0.0.1', () => socket.write(REQUEST))
    socket.on('data', (data) => (head ||= data.toString('latin1', 0, 12)))
    socket.on('error', () => resolve(false))
    socket.on('end', () => resolve(head === 'HTTP/1.1 200'))
  })
}
