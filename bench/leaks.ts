/*
 * What builds leave behind: resident memory and file descriptors of the service and its builder over many builds in a row,
 * first without a change, then with one each.
 *
 *   npm run bench:builds [count]
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childrenOf, plant, Service } from '../test/support.js'

const REPORTS = 340
const LOOKS = 10

function residentMb(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}

function look(service: Service): string {
  const [builder] = childrenOf(service.child.pid)
  const told = [service.child.pid, builder].map((pid) => {
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    const threads = readdirSync(`/proc/${pid}/task`).length
    return `${residentMb(pid as number)} MB, ${descriptors} descriptors, ${threads} threads`
  })
  return `service ${told[0]}; builder ${told[1]}`
}

async function run(count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reports-index-bench-'))
  mkdirSync(join(folder, 'a'))
  plant(
    folder,
    Object.fromEntries(Array.from({ length: REPORTS }, (_, i) => [`a/${i % 40}/${i}.md`, `# ${i}\n`]))
  )
  const service = await Service.start([
    '--base',
    `a=${folder}/a`,
    '--manifest',
    join(folder, 's/m.json'),
    '--refresh',
    '0'
  ])
  await service.rebuild()
  for (const change of [false, true]) {
    console.log(
      `${count} builds over ${REPORTS} reports, ${change ? 'one changed before each' : 'nothing changed'}`
    )
    console.log(`  at first: ${look(service)}`)
    const began = performance.now()
    for (let build = 1; build <= count; build++) {
      if (change) writeFileSync(join(folder, 'a/0/0.md'), `# Build ${build}\n`)
      await service.rebuild()
      if (build % Math.ceil(count / LOOKS) === 0) console.log(`  after ${build}: ${look(service)}`)
    }
    console.log(`  ${((performance.now() - began) / count).toFixed(2)} ms a build, over HTTP`)
  }
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
}

await run(Number(process.argv[2] ?? 10_000))
