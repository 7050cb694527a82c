import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Service } from '../test/support.js'
import { scope, temporaryFolder } from './ending.js'
import type { Options } from './options.js'
import { endGroup, start } from './process.js'
import { ONE_PATH, rebuild, Subject } from './subject.js'
import { count, type Section, type Table } from './table.js'
import { has, skip } from './tools.js'
import { treeOf } from './tree.js'

export const line =
  'System calls per report of a full build, of a refresh without a change and of a named path'

const SHOWN = 14

type Calls = Map<string, number>

export async function measure({ sizes = [340] }: Options): Promise<Section> {
  if (!has('strace')) {
    skip('calls', 'strace is not installed')
    return { tables: [], notes: [] }
  }
  const tables: Table[] = []
  for (const size of sizes) tables.push(await scope(() => atSize(size)))
  return { tables, notes: [NOTE] }
}

const NOTE =
  'Counted by `strace -c -f` in the running service and its builder, so that what it takes to start Node is not among them. ' +
  'What a folder needs (open, getdents64, close) is shared out among its reports.'

async function atSize(size: number): Promise<Table> {
  const subject = await Subject.of(size)
  const service = await subject.serve()
  await rebuild(service)
  const full = await traced(service, { mode: 'full' })
  const refresh = await traced(service, undefined)
  subject.change()
  const named = await traced(service, ONE_PATH)
  const names = new Set([...full.keys(), ...refresh.keys(), ...named.keys()])
  const rows = [...names]
    .toSorted((a, b) => (full.get(b) ?? 0) - (full.get(a) ?? 0))
    .slice(0, SHOWN)
    .map((name) => [
      name,
      per(full.get(name), size),
      per(refresh.get(name), size),
      count(named.get(name) ?? 0)
    ])
  return {
    title: `${count(size)} reports`,
    columns: ['call', 'full build, per report', 'refresh, per report', 'one path, in all'],
    rows
  }
}

const per = (calls = 0, size: number) => (calls / size).toFixed(2)

/** The calls of one build. */
function traced(service: Service, json: object | undefined): Promise<Calls> {
  return scope(async () => {
    const file = join(temporaryFolder(), 'calls')
    const pids = treeOf(service.child.pid as number)
    const tracer = start('strace', ['-c', '-f', '-o', file, ...pids.flatMap((pid) => ['-p', String(pid)])])
    await attached(tracer)
    await rebuild(service, json)
    await endGroup(tracer, 'SIGINT')
    return callsIn(readFileSync(file, 'utf8'))
  })
}

function attached(tracer: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    tracer.stderr?.on('data', (data: Buffer) => {
      if (data.includes('attached')) setTimeout(resolve, 500) // all threads, not only the first one
    })
    tracer.once('exit', (code) => reject(new Error(`strace ended with ${code}`)))
  })
}

/** Its lines are: % time, seconds, usecs/call, calls, errors (may be empty), syscall. */
function callsIn(text: string): Calls {
  const lines = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$/gm)]
  return new Map(
    lines.filter(([, , name]) => name !== 'total').map(([, calls, name]) => [name as string, Number(calls)])
  )
}
