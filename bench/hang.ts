/*
 * What a frozen mount costs those who ask: GET /reports-index while the mount is healthy and while it is frozen, in turns,
 * in one run, with rebuilds going on all the time; and how long SIGTERM takes under the hang. Needs root, FUSE, rclone.
 *
 *   npm run bench:hang [rounds]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Mount, noMounts } from '../test/mount.js'
import { plant, Service } from '../test/support.js'

const CLIENTS = 4
const PHASE_MS = 4000
const REBUILD_EVERY_MS = 200

interface Phase {
  p50: number
  p99: number
  max: number
  requests: number
  failures: number
}

/** Asks for so long with some clients at once, while rebuilds are asked for, too. */
async function measure(service: Service): Promise<Phase> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS + 4 })
  const times: number[] = []
  let failures = 0
  const end = performance.now() + PHASE_MS
  const get = () =>
    new Promise<void>((resolve) => {
      const began = performance.now()
      const done = (ok: boolean) => {
        times.push(performance.now() - began)
        if (!ok) failures++
        resolve()
      }
      http
        .get(`${service.url}/reports-index`, { agent }, (answer) =>
          answer.resume().on('end', () => done(answer.statusCode === 200))
        )
        .on('error', () => done(false))
    })
  const client = async () => {
    while (performance.now() < end) await get()
  }
  const rebuilds = async () => {
    while (performance.now() < end) {
      void service.rebuild().catch(() => {})
      await sleep(REBUILD_EVERY_MS)
    }
  }
  await Promise.all([rebuilds(), ...Array.from({ length: CLIENTS }, client)])
  agent.destroy()
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(share * (times.length - 1))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: at(1), requests: times.length, failures }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
const spread = (values: number[]) =>
  `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`

async function run(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reports-index-bench-'))
  const mount = new Mount(folder)
  const far = Array.from({ length: 170 }, (_, i) => [
    `remote/${i % 40}/${i}.md`,
    `# Far ${i}\n${'x'.repeat(6000)}`
  ])
  const near = Array.from({ length: 170 }, (_, i) => [
    `near/${i % 40}/${i}.md`,
    `# Near ${i}\n${'x'.repeat(6000)}`
  ])
  plant(folder, Object.fromEntries([...far, ...near]))
  mkdirSync(join(folder, 's'))
  await mount.up()
  const args = [
    '--base',
    `far=${mount.point}`,
    '--base',
    `near=${folder}/near`,
    '--refresh',
    '0',
    '--timeout',
    '1s'
  ]
  const start = () => Service.start([...args, '--manifest', join(folder, 's/m.json')])
  let service = await start()
  await service.rebuild()
  await measure(service) // warm
  const healthy: Phase[] = []
  const frozen: Phase[] = []
  const stops: number[] = []
  for (let round = 0; round < rounds; round++) {
    healthy.push(await measure(service))
    mount.freeze()
    frozen.push(await measure(service))
    const began = performance.now()
    await service.stop()
    stops.push(performance.now() - began)
    mount.thaw()
    service = await start()
    await service.rebuild()
    await measure(service)
  }
  await service.stop()
  await mount.down()
  rmSync(folder, { recursive: true, force: true })
  const show = (name: string, phases: Phase[]) => {
    const of = (key: keyof Phase) => spread(phases.map((phase) => phase[key]))
    const failures = phases.reduce((total, phase) => total + phase.failures, 0)
    console.log(
      `${name}  p50 ${of('p50')} ms  p99 ${of('p99')} ms  max ${of('max')} ms  requests ${of('requests')}  failures ${failures}`
    )
  }
  console.log(
    `GET /reports-index, 340 entries, ${CLIENTS} clients, ${rounds} rounds of ${PHASE_MS} ms each; median (least to most)`
  )
  show('healthy', healthy)
  show('frozen ', frozen)
  const ratios = frozen.map(({ p99 }, i) => p99 / (healthy[i] as Phase).p99)
  console.log(`p99 frozen : healthy  ${spread(ratios)}`)
  console.log(`SIGTERM to exit under the hang  ${spread(stops)} ms`)
}

const missing = noMounts()
if (missing) console.log(`nothing is measured: ${missing}`)
else await run(Number(process.argv[2] ?? 5))
