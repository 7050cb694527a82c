import fc from 'fast-check'
import t from 'tap'
import type { Status } from '../../src/schemas/manifest.js'
import type { BasePlace } from '../../src/services/base-place.js'
import { Builder, type BuilderPorts } from '../../src/services/builder.js'
import { type Job, refresh } from '../../src/services/job.js'
import { openManifest } from '../../src/services/open-manifest.js'
import type { Began } from '../../src/services/replacement.js'
import type { Look, Scan } from '../../src/services/scan-result.js'
import type { PathsFound, Scanner } from '../../src/services/scanner.js'
import { makeSelect } from '../../src/services/select.js'
import { type Tracked, type Trackeds, track } from '../../src/services/tracked.js'
import { dose } from '../dose.js'

/*
 * The guard of a base, as a model: reports on a mount, some of them on a mount inside of it, whose listings come and go, and
 * builders that restart and overtake each other. A report leaves the listing only when its file was seen gone in a base that
 * answered as a whole, or when somebody said so; and none is kept for ever.
 */

const FILES = Array.from({ length: 60 }, (_, i) =>
  i % 3 === 0 ? `in/${i}.md` : i % 3 === 1 ? `x/${i}.md` : `${i}.md`
)

/** What there is, whether or not it can be seen. */
class World {
  now = 1_790_000_000_000
  readonly stored = new Map<string, number>()
  /** Written into the folder that is left when the mount is gone. */
  readonly bare = new Map<string, number>()
  isMounted = true
  isInnerMounted = true
  isAnswering = true
  /** A listing that came back cut short, without an error, shows so many of each hundred. */
  shown = 100
  #version = 0

  write(rel: string): void {
    const place = this.isMounted && (this.isInnerMounted || !rel.startsWith('in/')) ? this.stored : this.bare
    place.set(rel, ++this.#version)
  }

  get visible(): Map<string, number> {
    if (!this.isMounted) return this.bare
    const seen = [...this.stored].filter(
      ([rel], i) => (this.isInnerMounted || !rel.startsWith('in/')) && i % 100 < this.shown
    )
    return new Map(seen)
  }

  /** Whether the part of the base answers that a report was found in. */
  isWholeFor(foundOn: string | undefined): boolean {
    if (!this.isAnswering || this.visible.size === 0) return false
    if (foundOn === 'disk') return true
    return this.isMounted && (foundOn !== 'inner' || this.isInnerMounted)
  }

  place(): BasePlace {
    const outer = this.isMounted ? 'outer' : 'disk'
    const hasInner = this.isMounted && this.isInnerMounted
    return {
      path: '/b',
      id: outer,
      mounts: hasInner ? ['in'] : [],
      idOf: (rel) => (hasInner && rel === 'in' ? 'inner' : `${outer}/${rel}`),
      isAutomount: false
    }
  }

  /** Where a report lies that can be seen. */
  placeOf(rel: string): 'disk' | 'outer' | 'inner' {
    if (!this.isMounted) return 'disk'
    return this.isInnerMounted && rel.startsWith('in/') ? 'inner' : 'outer'
  }
}

/** A base of that world, as a scanner sees it. */
class WorldScanner implements Scanner {
  readonly base = { name: 'b', root: '/b' }
  counts = { folders: 0, files: 0, read: 0 }
  /** Holds a scan up when it has seen all. */
  gate: Promise<void> | undefined
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  get remote(): boolean {
    return this.#world.isMounted
  }

  place(): BasePlace {
    return this.#world.place()
  }

  async scan(known: Trackeds, full: boolean): Promise<Look> {
    if (!this.#world.isAnswering) return { unavailable: 'it gives no answer' }
    const { visible } = this.#world
    const scan: Scan = {
      same: [],
      read: new Map(),
      folders: new Map([['', visible.size > 0]]),
      unreadable: [],
      warnings: [],
      skippedLinks: 0,
      filesRead: 0
    }
    for (const [rel, version] of visible) {
      const before = known.get(rel)
      if (rel.includes('/')) scan.folders.set(rel.slice(0, rel.indexOf('/')), true)
      if (before && !full && !before.recheck && before.stamp.size === version) scan.same.push(before)
      else scan.read.set(rel, reportOf(rel, version))
    }
    await this.gate
    return { scan }
  }

  async look(rels: readonly string[]): Promise<PathsFound | { unavailable: string }> {
    if (!this.#world.isAnswering) return { unavailable: 'it gives no answer' }
    const { visible } = this.#world
    const found = rels.map((rel) => {
      const version = visible.get(rel)
      return [rel, version === undefined ? undefined : reportOf(rel, version)] as const
    })
    return { found: new Map(found), warnings: [], isEmpty: visible.size === 0, path: '/b' }
  }
}

function reportOf(rel: string, version: number): Tracked {
  const moment = new Date(1_780_000_000_000 + version).toISOString()
  const entry = {
    base: 'b',
    rel,
    title: `T${version}`,
    date: moment,
    type: 'markdown',
    mtime: moment,
    size: 1
  }
  return track(entry, { size: version, mtime: 1, ctime: 1, ino: 1 }, false)
}

/** A manifest in memory that keeps its promises. */
function memoryManifest(): BuilderPorts['manifest'] & { rels(): string[]; held(): string[] } {
  let bytes: Buffer | undefined
  let status: Status | undefined
  let writes = 0
  let statusWrites = 0
  const stamps = async (): Promise<Began> => ({ manifest: `${writes}`, status: `${statusWrites}` })
  const overtaken = () => Object.assign(new Error('overtaken'), { code: 'RI_ERR_OVERTAKEN' })
  const check = async ({ manifest, status: told }: Began) => {
    const now = await stamps()
    if (now.manifest !== manifest || now.status !== told) throw overtaken()
  }
  const reports = (): { rel: string }[] =>
    bytes ? JSON.parse(openManifest(Buffer.from(bytes))?.snapshot.body.toString() ?? '').reports : []
  return {
    stamps,
    async read() {
      const opened = bytes && openManifest(Buffer.from(bytes))
      return { state: opened ? 'ok' : 'missing', stamp: `${writes}`, ...(opened && { opened }) }
    },
    readStatus: async () => status,
    async write(next, { began }) {
      await check(began)
      bytes = Buffer.from(next)
      return `${++writes}`
    },
    async writeStatus(next, manifest) {
      if (manifest !== `${writes}`) throw overtaken()
      status = structuredClone(next)
      statusWrites++
    },
    async sweep() {},
    rels: () => reports().map(({ rel }) => rel),
    held() {
      const { held = [] } = bytes ? JSON.parse(bytes.toString()) : {}
      const all = reports()
      return (held as [number, number, number, string][])
        .filter(([, , , until]) => until === 'seen')
        .flatMap(([row, count]) => all.slice(row, row + count).map(({ rel }) => rel))
    }
  }
}

function builderOf(
  world: World,
  manifest: BuilderPorts['manifest']
): { builder: Builder; scanner: WorldScanner } {
  const scanner = new WorldScanner(world)
  const builder = new Builder({
    scanners: [scanner],
    overlaps: () => new Map(),
    select: makeSelect(['**/*.md'], []),
    maxDrop: 0.5,
    settings: {},
    manifest,
    lastGood: async () => undefined,
    tick: () => `here:${world.now}`,
    now: () => world.now,
    progress() {},
    warn() {},
    placing() {}
  })
  return { builder, scanner }
}

type Step =
  | { do: 'write' | 'remove' | 'named'; file: number; count: number }
  | { do: 'mount' | 'unmount' | 'mountInner' | 'unmountInner' | 'answer' | 'silence' }
  | { do: 'show'; percent: number }
  | { do: 'build' | 'full' | 'accept' | 'restart' | 'other' | 'overlap' }
  | { do: 'wait'; seconds: number }

const count = fc.constantFrom(1, 1, 2, 5, 25, 45)
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom<Step>({ do: 'build' }, { do: 'build' }, { do: 'full' }, { do: 'other' })
    },
    {
      weight: 4,
      arbitrary: fc
        .tuple(
          fc.constantFrom('write' as const, 'remove' as const, 'named' as const),
          fc.nat(FILES.length - 1),
          count
        )
        .map(([what, file, many]): Step => ({ do: what, file, count: many }))
    },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Step>(
        { do: 'unmount' },
        { do: 'mount' },
        { do: 'unmountInner' },
        { do: 'mountInner' },
        { do: 'silence' },
        { do: 'answer' }
      )
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(100, 100, 30, 0).map((percent): Step => ({ do: 'show', percent }))
    },
    { weight: 2, arbitrary: fc.constantFrom<Step>({ do: 'accept' }, { do: 'restart' }, { do: 'overlap' }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(1, 61).map((seconds): Step => ({ do: 'wait', seconds }))
    }
  ),
  { maxLength: 30 }
)

/** Runs a sequence, and checks what it does to the listing. */
class Run {
  readonly world = new World()
  readonly manifest = memoryManifest()
  mine = builderOf(this.world, this.manifest)
  other = builderOf(this.world, this.manifest)
  log: string[] = []
  /** Where each report was seen last. */
  readonly #foundOn = new Map<string, string>()

  async start(): Promise<void> {
    for (const rel of FILES) this.world.write(rel)
    await this.build(refresh)
  }

  /** One build, and what it may have done. */
  async build(job: Job, { builder } = this.mine): Promise<void> {
    const before = this.manifest.rels()
    const held = new Set(this.manifest.held())
    this.world.now += 1000
    const { result, notWritten } = await builder.build(job)
    this.assert(notWritten === undefined, `written: ${notWritten}`)
    const after = new Set(this.manifest.rels())
    const { visible } = this.world
    for (const rel of before) {
      if (after.has(rel)) continue
      const isAccepted = job.acceptRemovals.length > 0 && held.has(rel)
      this.assert(!visible.has(rel), `${rel} is there and left the listing`)
      this.assert(isAccepted || this.world.isWholeFor(this.#foundOn.get(rel)), `${rel} was lost`)
      const isNamed = job.mode === 'paths' && job.paths.some((path) => path.rel === rel)
      this.assert(isAccepted || isNamed || !held.has(rel), `${rel} was held, and nobody said that it is gone`)
    }
    for (const rel of visible.keys()) if (after.has(rel)) this.#foundOn.set(rel, this.world.placeOf(rel))
    if (job.mode === 'paths' || !this.world.isAnswering) return
    for (const rel of visible.keys()) this.assert(after.has(rel), `${rel} is there and not listed`)
    const stillHeld = this.manifest.held()
    for (const rel of stillHeld) this.assert(!visible.has(rel), `${rel} is there and held`)
    this.assert(
      (result.bases[0]?.status === 'suspect') === stillHeld.length > 0,
      'suspect while some are held'
    )
  }

  async take(step: Step): Promise<void> {
    const { world } = this
    this.log.push(JSON.stringify(step))
    if (step.do === 'write') for (const rel of some(step)) world.write(rel)
    else if (step.do === 'remove') for (const rel of some(step)) this.#remove(rel)
    else if (step.do === 'named') await this.build(pathsJob(some(step)))
    else if (step.do === 'mount') world.isMounted = true
    else if (step.do === 'unmount') world.isMounted = false
    else if (step.do === 'mountInner') world.isInnerMounted = true
    else if (step.do === 'unmountInner') world.isInnerMounted = false
    else if (step.do === 'answer') world.isAnswering = true
    else if (step.do === 'silence') world.isAnswering = false
    else if (step.do === 'show') world.shown = step.percent
    else if (step.do === 'wait') world.now += step.seconds * 1000
    else if (step.do === 'build') await this.build(refresh)
    else if (step.do === 'full') await this.build({ ...refresh, mode: 'full' })
    else if (step.do === 'accept') await this.build({ ...refresh, acceptRemovals: ['b'] })
    else if (step.do === 'restart') this.mine = builderOf(world, this.manifest)
    else if (step.do === 'other') await this.build(refresh, this.other)
    else await this.#overlap()
  }

  #remove(rel: string): void {
    if (!this.world.visible.has(rel)) return
    if (this.world.isMounted) this.world.stored.delete(rel)
    else this.world.bare.delete(rel)
  }

  /** A build that has looked before a report was written lands after one that answered for it. */
  async #overlap(): Promise<void> {
    const slow = builderOf(this.world, this.manifest)
    let open = () => {}
    slow.scanner.gate = new Promise((resolve) => (open = resolve))
    const built = slow.builder.build({ ...refresh, mode: 'full' })
    await new Promise(setImmediate)
    this.world.write('new.md')
    await this.build(refresh)
    const isListed = this.manifest.rels().includes('new.md')
    open()
    const { notWritten } = await built
    this.assert(notWritten === undefined, `the slow one is written: ${notWritten}`)
    this.assert(!isListed || this.manifest.rels().includes('new.md'), 'what was answered for stays')
  }

  /** When all is back, what is listed is what is there, but for what is told as missing; and that goes when it is accepted. */
  async end(): Promise<void> {
    const { world } = this
    world.isMounted = true
    world.isInnerMounted = true
    world.isAnswering = true
    world.shown = 100
    world.write('last.md')
    for (let i = 0; i < 3; i++) {
      await this.build(refresh)
      world.now += 61_000
    }
    const held = new Set(this.manifest.held())
    for (const rel of this.manifest.rels())
      this.assert(world.stored.has(rel) || held.has(rel), `${rel} is not there, and not told as missing`)
    await this.build({ ...refresh, acceptRemovals: ['b'] })
    this.assert(
      this.manifest.rels().toSorted().join() === [...world.stored.keys()].toSorted().join(),
      'nothing is kept for ever'
    )
  }

  assert(isRight: boolean, what: string): void {
    if (!isRight) throw new Error(`${what}\n${this.log.join('\n')}`)
  }
}

function some({ file, count: many }: { file: number; count: number }): string[] {
  return Array.from({ length: many }, (_, i) => FILES[(file + i) % FILES.length] as string)
}

function pathsJob(rels: string[]): Job {
  return { mode: 'paths', paths: rels.map((rel) => ({ base: 'b', rel })), acceptRemovals: [] }
}

t.test('a report goes when its file was seen gone, or when somebody said so, and not else', async (t) => {
  const numRuns = dose(200, 10_000)
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const run = new Run()
      await run.start()
      for (const step of sequence) await run.take(step)
      await run.end()
    }),
    { numRuns }
  )
  t.pass(`in ${numRuns} sequences`)
})
