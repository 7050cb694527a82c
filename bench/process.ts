import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Readable } from 'node:stream'
import { atEnd } from './ending.js'
import type { Contender, Measures } from './rounds.js'
import { compiled } from './tools.js'
import { residentMbOfTree } from './tree.js'

const LOOK_EVERY_MS = 10
const TICK_MS = 10

/** Without what would be a setting of the program, or of Node. */
export const environment: NodeJS.ProcessEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(?:REPORTS_INDEX_|NODE_OPTIONS|HOST$|PORT$|LOG_LEVEL$)/.test(name)
  )
)

export interface Command {
  name: string
  program: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** Whether memory is looked at, which takes a little of a processor. */
  memory?: boolean
  /** Exit codes that are no failure; 0 alone where none are named. */
  fine?: number[]
}

let launcher: string | undefined

/** A small program that starts another one and waits for it, so that its CPU is known to the microsecond. */
function launch(): string[] {
  if (!launcher || !existsSync(launcher)) launcher = compiled('launch')
  return launcher ? [launcher] : []
}

/** Ends with the scope around it, whatever it started. */
export function start(
  program: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; ipc?: boolean } = {}
) {
  const child = spawn(program, args, {
    env: options.env ?? environment,
    cwd: tmpdir(),
    detached: true,
    stdio: options.ipc ? ['ignore', 'ignore', 'ignore', 'ipc'] : ['ignore', 'ignore', 'pipe', 'pipe']
  })
  atEnd(() => endGroup(child))
  return child
}

/** The signal goes to all of its group: a launcher alone would leave its program behind. */
export async function endGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, signal)
  await ended
}

/** Runs a program to its end: `ms` of wall time, `cpu` of its whole tree in ms, and `peakMb` where that is asked for. */
export async function run(command: Command): Promise<Measures> {
  const launching = launch()
  const [program, ...args] = [...launching, command.program, ...command.args] as [string, ...string[]]
  const cpuBefore = endedChildrenMs()
  const began = performance.now()
  const child = start(program, args, command.env ? { env: { ...environment, ...command.env } } : {})
  const peak = command.memory ? watch(child.pid as number) : undefined
  const [told, errors, exitCode] = await Promise.all([
    textOf(child.stdio[3] as Readable),
    textOf(child.stderr as Readable),
    new Promise<number | null>((resolve) => child.once('close', resolve))
  ])
  const wall = performance.now() - began
  const [code = exitCode, wallUs = wall * 1000, cpuUs = (endedChildrenMs() - cpuBefore) * 1000] =
    numbers(told)
  if (!(command.fine ?? [0]).includes(code ?? -1))
    throw new Error(`${command.name} ended with ${code}: ${errors}`)
  return { ms: wallUs / 1000, cpu: cpuUs / 1000, ...(peak && { peakMb: peak() }) }
}

export const contender = (command: Command): Contender => ({ name: command.name, run: () => run(command) })

const numbers = (line: string) => (line === '' ? [] : line.trim().split(' ').map(Number))

async function textOf(stream: Readable): Promise<string> {
  let text = ''
  for await (const data of stream) text += String(data)
  return text
}

/** CPU of all children of this process that have ended, in whole ticks: what is there without a launcher. */
function endedChildrenMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').pop()?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS
}

/** Looks at the memory of a tree every 10 ms; tells the most when it is asked. */
function watch(pid: number): () => number {
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, residentMbOfTree(pid))
  }, LOOK_EVERY_MS)
  return () => {
    clearInterval(timer)
    return most
  }
}
