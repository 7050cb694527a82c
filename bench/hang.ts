/*
 * What a frozen mount costs those who ask: GET /reports-index while the mount is healthy and while it is frozen, in turns,
 * in one run, with rebuilds going on all the time; and how long SIGTERM takes under the hang. Needs root, FUSE, rclone.
 */
import http from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Mount, noMounts } from '../test/mount.js'
import { plant, Service } from '../test/support.js'
import { atEnd, temporaryFolder } from './ending.js'
import type { Options } from './options.js'
import { inTurns, type Measures, type Runs } from './rounds.js'
import { quantile, short } from './statistics.js'
import type { Section } from './table.js'
import { targets } from './targets.js'
import { skip } from './tools.js'

export const line =
  'GET while a mount hangs, beside the same while it is healthy; how long SIGTERM takes then'

const CLIENTS = 4
const REBUILD_EVERY_MS = 200
const EACH = 170

export async function measure({ rounds = 5, ms = 4000 }: Options): Promise<Section> {
  const missing = noMounts()
  if (missing) {
    skip('hang', missing)
    return { tables: [], notes: [] }
  }
  const setup = new Setup()
  await setup.begin()
  const runs = await inTurns(
    [
      { name: 'healthy', run: () => asked(setup.service, ms) },
      { name: 'frozen', run: () => setup.frozen(ms) }
    ],
    rounds
  )
  return { tables: [{ columns: COLUMNS, rows: rowsOf(runs) }], notes: [NOTE] }
}

const NOTE =
  `${2 * EACH} reports, half of them on the mount; ${CLIENTS} clients as fast as they are answered, a rebuild asked for every ${REBUILD_EVERY_MS} ms. ` +
  'Milliseconds, median (least to most). *Stop* is from SIGTERM to the exit, under the hang.'

const COLUMNS = [
  'mount',
  'p50',
  'p99',
  'most',
  'requests',
  'failures',
  'runs',
  'p99 frozen : healthy',
  'stop',
  'must',
  'goal'
]

class Setup {
  readonly #folder = temporaryFolder()
  readonly #mount = new Mount(this.#folder)
  service!: Service

  async begin(): Promise<void> {
    const reports = (base: string) =>
      Array.from({ length: EACH }, (_, i) => [
        `${base}/${i % 40}/${i}.md`,
        `# ${base} ${i}\n${'x'.repeat(6000)}`
      ])
    plant(this.#folder, Object.fromEntries([...reports('remote'), ...reports('near'), ['s/', '']]))
    atEnd(() => this.#mount.down())
    await this.#mount.up()
    atEnd(() => this.service.stop('SIGKILL'))
    await this.#serve()
  }

  /** Asked under the hang; afterwards the mount is well again, and another service is up. */
  async frozen(ms: number): Promise<Measures> {
    this.#mount.freeze()
    const told = await asked(this.service, ms)
    const began = performance.now()
    await this.service.stop()
    const stop = performance.now() - began
    this.#mount.thaw()
    await this.#serve()
    return { ...told, stop }
  }

  async #serve(): Promise<void> {
    const bases = ['--base', `far=${this.#mount.point}`, '--base', `near=${this.#folder}/near`]
    const manifest = join(this.#folder, 's/m.json')
    this.service = await Service.start([
      ...bases,
      '--refresh',
      '0',
      '--timeout',
      '1s',
      '--manifest',
      manifest
    ])
    await this.service.rebuild()
    await asked(this.service, 1000) // warm
  }
}

/** Asks for so long with some clients at once, while rebuilds are asked for, too. */
async function asked(service: Service, ms: number): Promise<Measures> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS + 4 })
  const times: number[] = []
  let failures = 0
  const end = performance.now() + ms
  const client = async () => {
    while (performance.now() < end) {
      const began = performance.now()
      if (!(await isAnswered(service.url, agent))) failures++
      times.push(performance.now() - began)
    }
  }
  const rebuilds = async () => {
    while (performance.now() < end) {
      void service.rebuild().catch(() => {})
      await sleep(REBUILD_EVERY_MS)
    }
  }
  await Promise.all([rebuilds(), ...Array.from({ length: CLIENTS }, client)])
  agent.destroy()
  const at = (share: number) => quantile(times, share)
  return { p50: at(0.5), p99: at(0.99), most: at(1), requests: times.length, failures }
}

function isAnswered(url: string, agent: http.Agent): Promise<boolean> {
  return new Promise((resolve) => {
    http
      .get(`${url}/reports-index`, { agent }, (answer) =>
        answer.resume().on('end', () => resolve(answer.statusCode === 200))
      )
      .on('error', () => resolve(false))
  })
}

function rowsOf(runs: Runs): string[][] {
  return runs.names.map((name) => {
    const frozen = name === 'frozen'
    const told = (key: string) => {
      const { median, least, most } = runs.of(name, key)
      return `${short(median)} (${short(least)} to ${short(most)})`
    }
    const ratio = runs.ratio('frozen', 'healthy', 'p99')
    return [
      name,
      ...['p50', 'p99', 'most', 'requests'].map(told),
      String(runs.values(name, 'failures').reduce((total, each) => total + each, 0)),
      String(ratio.runs),
      frozen ? `${short(ratio.median)} (${short(ratio.least)} to ${short(ratio.most)})` : '',
      frozen ? told('stop') : '',
      frozen ? targets.hang.must : '',
      frozen ? targets.hang.goal : ''
    ]
  })
}
