/*
 * What builds leave behind: resident memory and file descriptors of the service and its builder over many builds in a row,
 * first without a change, then with one each.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf, plant, Service } from '../test/support.js'
import { atEnd, tell, temporaryFolder } from './ending.js'
import type { Options } from './options.js'
import { short } from './statistics.js'
import { count, type Section, type Table } from './table.js'
import { residentMb } from './tree.js'

export const line =
  'What many builds in a row leave behind: memory, descriptors and threads of service and builder'

const REPORTS = 340
const LOOKS = 10

export async function measure({ builds }: Options): Promise<Section> {
  const folder = temporaryFolder()
  const report = (i: number) => [`a/${i % 40}/${i}.md`, `# ${i}\n`]
  plant(folder, Object.fromEntries(Array.from({ length: REPORTS }, (_, i) => report(i))))
  const settings = ['--base', `a=${folder}/a`, '--manifest', join(folder, 's/m.json'), '--refresh', '0']
  const service = await Service.start(settings)
  atEnd(() => service.stop())
  await service.rebuild()
  const changing = join(folder, 'a/0/0.md')
  const tables = [
    await many(service, builds, 'nothing changed', () => {}),
    await many(service, builds, 'one changed before each', (build) =>
      writeFileSync(changing, `# Build ${build}\n`)
    )
  ]
  return { tables, notes: ['Over HTTP, by one client.'] }
}

const COLUMNS = ['builds', 'service', 'builder']

async function many(
  service: Service,
  builds: number,
  what: string,
  before: (build: number) => void
): Promise<Table> {
  tell(what)
  const rows = [look(service, 0)]
  const began = performance.now()
  for (let build = 1; build <= builds; build++) {
    before(build)
    await service.rebuild()
    if (build % Math.ceil(builds / LOOKS) === 0) rows.push(look(service, build))
  }
  const each = short((performance.now() - began) / builds)
  return {
    title: `${count(builds)} builds over ${REPORTS} reports, ${what}: ${each} ms each`,
    columns: COLUMNS,
    rows
  }
}

function look(service: Service, builds: number): string[] {
  const [builder] = childrenOf(service.child.pid)
  const told = [service.child.pid, builder].map((pid) => {
    if (pid === undefined) return 'none'
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    const threads = readdirSync(`/proc/${pid}/task`).length
    return `${Math.round(residentMb(pid))} MB, ${descriptors} descriptors, ${threads} threads`
  })
  return [count(builds), ...told]
}
