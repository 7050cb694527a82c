import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Service } from '../test/support.js'
import { FIND, find, NAIVE_NODE, naive } from './anchors.js'
import { corpus } from './corpus.js'
import { scope, tell, temporaryFolder } from './ending.js'
import type { Options } from './options.js'
import { contender, run } from './process.js'
import { type Contender, inTurns } from './rounds.js'
import { pacedMount, rcloneMount, type SlowMount } from './slow-mounts.js'
import { rebuild, Subject } from './subject.js'
import { COMPARED, rowsOf, type Section, type Table } from './table.js'
import { type Target, targets } from './targets.js'

export const line =
  'Reports on a slow mount: the first build, a refresh without a change, and one with a new report'

const CALL_MS = 16
const FIRST = 'first build'
const UNCHANGED = 'refresh, no change'
const NEW = 'refresh, one new'

interface Wanted {
  first?: Target
  refresh?: Target
}

const WANTED_AT = 340

const PACED: Wanted = { first: targets.slowFirst, refresh: targets.slowRefresh }
const UNPACED: Wanted = { first: targets.slowFirstUnpaced, refresh: targets.slowRefreshUnpaced }

export async function measure({ sizes = [340], rounds = 3, delay }: Options): Promise<Section> {
  const tables: Table[] = []
  for (const size of sizes) {
    const rclone = (source: string) => rcloneMount(source, delay)
    const paced = (source: string) => pacedMount(source, CALL_MS)
    for (const [up, wanted] of [
      [rclone, PACED],
      [paced, UNPACED]
    ] as const) {
      const table = await scope(() => onMount(size, rounds, up, size === WANTED_AT ? wanted : {}))
      if (table) tables.push(table)
    }
  }
  return { tables, notes: [NOTE] }
}

const NOTE =
  'Before each run the mount forgets what it knows: rclone its listings (SIGHUP), the kernel names and attributes (after a second). ' +
  'rclone spaces its requests by 10 ms, however many there are at once. The first build is a process of its own without a manifest; the refreshes are asked of a running service.'

type Up = (source: string) => Promise<SlowMount | undefined>

async function onMount(size: number, rounds: number, up: Up, wanted: Wanted): Promise<Table | undefined> {
  // a copy: a report is added to it
  const source = join(temporaryFolder(), 'reports')
  cpSync(await corpus(size), source, { recursive: true, preserveTimestamps: true })
  const mount = await up(source)
  if (!mount) return undefined
  tell(`${size} reports, ${mount.name}`)
  const subject = new Subject(mount.point)
  const rows = [
    ...(await first(subject, mount, size, rounds, wanted.first)),
    ...(await refreshes(subject, mount, size, rounds, source, wanted.refresh))
  ]
  return { title: mount.name, columns: COMPARED, rows }
}

/** What a contender costs when the mount knows nothing yet. */
function chilled({ name, run: ask }: Contender, mount: SlowMount, before: () => void = () => {}): Contender {
  return {
    name,
    async run() {
      before()
      await mount.chill()
      return ask()
    }
  }
}

async function first(subject: Subject, mount: SlowMount, size: number, rounds: number, target?: Target) {
  const building: Contender = {
    name: FIRST,
    run() {
      rmSync(subject.manifest, { force: true })
      return run(subject.build(FIRST))
    }
  }
  const scans = naive(mount.point, subject.state).filter(({ name }) => name === NAIVE_NODE)
  const contenders = [building, ...scans.map(contender)].map((each) => chilled(each, mount))
  const runs = await inTurns(contenders, rounds)
  return rowsOf(runs, size, [{ name: FIRST, anchor: NAIVE_NODE, target }, { name: NAIVE_NODE }])
}

async function refreshes(
  subject: Subject,
  mount: SlowMount,
  size: number,
  rounds: number,
  source: string,
  target?: Target
): Promise<string[][]> {
  const service: Service = await subject.serve()
  let added = 0
  const add = () => writeFileSync(join(source, `new-${++added}.md`), `# New ${added}\n`)
  const again = () => rebuild(service)
  const scan = find([mount.point]).map((each) => chilled(contender(each), mount))
  // apart: a new report is looked into once more by the refresh after it
  const quiet = await inTurns([chilled({ name: UNCHANGED, run: again }, mount), ...scan], rounds)
  const adding = await inTurns([chilled({ name: NEW, run: again }, mount, add), ...scan], rounds)
  return [
    ...rowsOf(quiet, size, [{ name: UNCHANGED, anchor: FIND, target }, { name: FIND }]),
    ...rowsOf(adding, size, [{ name: NEW, anchor: FIND }])
  ]
}
