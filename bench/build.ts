import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { FIND, find, HEADS, heads, NAIVE_NODE, NODE, naive, nodeStart, RG, ripgrep } from './anchors.js'
import { ask } from './ask.js'
import { scope, tell } from './ending.js'
import type { Options } from './options.js'
import { BARE_MEMORY, bareMemoryMb } from './others.js'
import { type Command, contender, run } from './process.js'
import { type Contender, inTurns, type Runs } from './rounds.js'
import { Subject } from './subject.js'
import { COMPARED, type Comparison, rowsOf, type Section } from './table.js'
import { type Target, targets } from './targets.js'
import { isWritable, skip } from './tools.js'

export const line =
  'The command line: a full build, a build without a change and one with a changed report, each by a process of its own'

const DROP = '/proc/sys/vm/drop_caches'
/** Above, those that read whole files would take minutes. */
const NAIVE_UP_TO = 10_000
const COLD_AT = 10_000
const FULL = 'build --full'
const COLD = 'build --full, cold'
const UNCHANGED = 'build, no change'
const CHANGED = 'build, one changed'
const PEAK = 'peak of build --full'

export async function measure({ sizes = [340, 10_000, 100_000], rounds = 5 }: Options): Promise<Section> {
  const tables: Section['tables'] = []
  for (const size of sizes) {
    tell(`${size} reports`)
    const rows = await scope(() => atSize(size, rounds))
    tables.push({ columns: COMPARED, rows })
  }
  return { tables, notes: [NOTE] }
}

const NOTE =
  'Full builds read every head again, over a manifest that is there. *Cold*: the page cache is dropped before each run, that of the programs, too. ' +
  'All but *cold* have the files in the page cache.'

async function atSize(size: number, rounds: number): Promise<string[][]> {
  const subject = await Subject.of(size)
  await run(subject.build('first build'))
  return [
    ...(await full(subject, size, rounds)),
    ...(size === COLD_AT ? await cold(subject, size, rounds) : []),
    ...(await unchanged(subject, size, rounds)),
    ...(await peak(subject, size, rounds))
  ]
}

/** Each of those that ran beside the first named one. */
const others = (runs: Runs, besides: string[], anchor: string): Comparison[] =>
  runs.names.filter((name) => !besides.includes(name)).map((name) => ({ name, anchor }))

async function full(subject: Subject, size: number, rounds: number): Promise<string[][]> {
  const { folders, state } = subject
  const commands: Command[] = [
    subject.build(FULL, ['--full']),
    ...heads(folders),
    ...ripgrep(folders),
    ...find(folders),
    ...nodeStart(),
    ...(size <= NAIVE_UP_TO ? naive(folders[0] as string, state) : [])
  ]
  const runs = await inTurns(commands.map(contender), rounds)
  return rowsOf(runs, size, [
    { name: FULL, anchor: HEADS, target: targets.fullBuild(size) },
    { name: FULL, anchor: NODE, target: targets.fullBuildSmall(size) },
    ...[RG, FIND, NAIVE_NODE].map((anchor) => ({ name: FULL, anchor })),
    { name: HEADS },
    ...others(runs, [FULL, HEADS], HEADS)
  ])
}

async function cold(subject: Subject, size: number, rounds: number): Promise<string[][]> {
  if (!isWritable(DROP)) {
    skip(COLD, 'the page cache can not be dropped here')
    return []
  }
  const chilled = (command: Command): Contender => ({
    name: command.name,
    run() {
      execFileSync('sync')
      writeFileSync(DROP, '3')
      return run(command)
    }
  })
  const commands = [subject.build(COLD, ['--full']), ...heads(subject.folders), ...find(subject.folders)]
  const runs = await inTurns(commands.map(chilled), rounds)
  return rowsOf(runs, size, [
    { name: COLD, anchor: HEADS, target: targets.fullBuildCold(size) },
    ...others(runs, [COLD], '')
  ])
}

async function unchanged(subject: Subject, size: number, rounds: number): Promise<string[][]> {
  const commands = [...find(subject.folders), ...nodeStart()]
  const quiet = await inTurns([subject.build(UNCHANGED), ...commands].map(contender), rounds)
  const changing: Contender = {
    name: CHANGED,
    run() {
      subject.change()
      return run(subject.build(CHANGED))
    }
  }
  const changed = await inTurns([changing, ...commands.map(contender)], rounds)
  return [
    ...rowsOf(quiet, size, [
      { name: UNCHANGED, anchor: FIND, target: targets.buildUnchanged(size) },
      { name: UNCHANGED, anchor: NODE }
    ]),
    ...rowsOf(changed, size, [{ name: CHANGED, anchor: FIND }])
  ]
}

/** The most memory that a full build has, beside what a bare server of the same listing has. */
async function peak(subject: Subject, size: number, rounds: number): Promise<string[][]> {
  const service = await subject.serve()
  const { body } = await ask(`${service.url}/reports-index`)
  await service.stop()
  const watched: Contender = {
    name: PEAK,
    async run() {
      rmSync(subject.manifest, { force: true })
      return run({ ...subject.build(PEAK, ['--full']), memory: true })
    }
  }
  const bare: Contender = { name: BARE_MEMORY, run: async () => ({ peakMb: await bareMemoryMb(body) }) }
  const runs = await inTurns([watched, bare], Math.min(rounds, 3))
  const memory = { key: 'peakMb', unit: 'MB' }
  const target: Target | undefined = targets.peak(size)
  return rowsOf(runs, size, [
    { name: PEAK, anchor: BARE_MEMORY, target, ...memory },
    { name: BARE_MEMORY, ...memory }
  ])
}
