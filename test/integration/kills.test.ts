import fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { openManifest } from '../../src/services/open-manifest.js'
import { dose, rounds } from '../dose.js'
import { childrenOf, hasEnded, plant, Service, scratch, until } from '../support.js'

const REPORTS = 2000
/** So many of them change before each round. */
const CHANGED = 200

const body = 'x'.repeat(1000)
const reports = (from: number, count: number, title: string) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `a/${(from + i) % 50}/${from + i}.md`,
      `# ${title} ${from + i}\n${body}`
    ])
  )

t.test('a kill of service or builder at any moment leaves the old or the new manifest, whole', async (t) => {
  const folder = scratch(t, { 'a/': '' })
  plant(folder, reports(0, REPORTS, 'T'))
  const manifest = join(folder, 's/m.json')
  const args = ['--base', `a=${folder}/a`, '--manifest', manifest, '--refresh', '0']
  const start = async () => {
    const started = await Service.start(args)
    t.teardown(() => started.stop('SIGKILL'))
    return started
  }
  const plan = fc.record({
    target: fc.constantFrom('service', 'builder', 'both'),
    full: fc.boolean(),
    /** The moment of the kill, as a share of a build's time. */
    moment: fc.double({ min: 0, max: 1.3, noNaN: true })
  })
  let service = await start()
  let before = await service.rebuild()
  const began = performance.now()
  await service.rebuild({ mode: 'full' })
  const buildMs = performance.now() - began
  const kills = { old: 0, new: 0 }
  for (const [round, { target, full, moment }] of rounds(t, plan, dose(8, 240)).entries()) {
    plant(folder, reports((round * CHANGED) % REPORTS, CHANGED, `Round ${round}`))
    const rebuilding = service.rebuild({ mode: full ? 'full' : 'incremental' }).catch(() => undefined)
    await sleep(moment * buildMs)
    const builders = childrenOf(service.child.pid)
    if (target !== 'builder') await service.stop('SIGKILL')
    if (target !== 'service') for (const pid of builders) killIfThere(pid)
    await rebuilding
    await until(() => target === 'builder' || builders.every(hasEnded))
    const found = openManifest(fs.readFileSync(manifest))
    if (!found) {
      t.fail(`round ${round}: the manifest is not whole`)
      return
    }
    if (target !== 'builder') {
      service = await start()
      t.equal((await service.listing()).count, REPORTS, `round ${round}: what is served`)
    }
    const after = await service.rebuild()
    const { etag } = found.snapshot
    t.ok(etag === before.etag || etag === after.etag, `round ${round}: the old or the new one (${target})`)
    kills[etag === before.etag ? 'old' : 'new']++
    t.not(after.etag, before.etag)
    const names = ['.m.json.lock', 'm.json', 'm.status.json']
    t.strictSame(fs.readdirSync(join(folder, 's')), names, 'what was left is swept')
    before = after
  }
  t.comment(`killed before the new one was there: ${kills.old}, after: ${kills.new}`)
})

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
}
