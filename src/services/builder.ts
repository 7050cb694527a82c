import type { BaseCount, Status } from '../schemas/manifest.js'
import type { Progress } from '../schemas/rebuild.js'
import { asBefore, type BaseFound, buildBase, type Scanner } from './base-build.js'
import { BuildSteps } from './build-steps.js'
import { isCoveredBy, type Job, type Tick } from './job.js'
import { isNews, type Known, rootDigest } from './known.js'
import { encodeManifest, type Snapshot, snapshotOf } from './manifest.js'
import { Memory, type MemoryPorts } from './memory.js'
import { type Outcome, outcomeOf } from './outcome.js'
import { arrange, type Rows } from './rows.js'
import type { Select } from './select.js'
import { tallyBetween, tallyOf } from './tally.js'
import type { Tracked } from './tracked.js'

/** The outside of the builder. */
export interface BuilderPorts {
  scanners: readonly Scanner[]
  /** Bases that overlap another, which are not looked at: the name, and the other's. */
  overlaps(): Map<string, string>
  select: Select
  /** Share of a base's entries that may go at once, 0 to 1. */
  maxDrop: number
  manifest: MemoryPorts['manifest'] & {
    readStatus(): Promise<Status | undefined>
    write(bytes: Buffer, isWanted: undefined, placing: (sign: string) => void): Promise<void>
    writeStatus(status: Status): Promise<void>
    sweep(): Promise<void>
  }
  /** The listing that is served: what to go on from where there is no manifest. */
  lastGood(): Promise<Snapshot | undefined>
  /** Now, by the host's clock that never goes back. */
  tick(): Tick
  /** Milliseconds since 1970. */
  now(): number
  progress(progress: Progress): void
  warn(message: string): void
  /** A manifest takes its place now, where it will be known by this sign. */
  placing(sign: string): void
}

interface Saved {
  stamp?: string | undefined
  notWritten?: string | undefined
}

/** The listing that a build made, and the manifest's bytes where those are not what it says already. */
type Made = Pick<Outcome, 'listing' | 'snapshot'> & {
  rows: Rows
  reports?: readonly Tracked[]
  bytes?: Buffer
}

/** Builds the manifest. It remembers the last one, so that a refresh need not read it again. */
export class Builder {
  readonly #ports: BuilderPorts
  readonly #memory: Memory

  constructor(ports: BuilderPorts) {
    this.#ports = ports
    this.#memory = new Memory({ ...ports, names: ports.scanners.map(({ base }) => base.name) })
  }

  /**
   * One build. What a base or the disk does to it is told in its outcome, not thrown.
   * @param save whether to write what was built; only for who holds the lock
   */
  async build(job: Job, save = true): Promise<Outcome> {
    return await this.#build(job, save, await this.#ports.manifest.readStatus())
  }

  /** What another process' build found, where that does, else one build. */
  async buildUnlessCovered(job: Job, save: boolean): Promise<Outcome> {
    const status = await this.#ports.manifest.readStatus()
    return (await this.#covered(job, status)) ?? (await this.#build(job, save, status))
  }

  /** @param read the companion */
  async #build(job: Job, save: boolean, read: Status | undefined): Promise<Outcome> {
    const steps = new BuildSteps(this.#ports.scanners, this.#ports.progress)
    const startedAt = this.#ports.now()
    const began = this.#ports.tick()
    const known = await steps.step('load', () => this.#memory.recall(job, read))
    steps.expect(known)
    const mode = this.#modeFor(job, known)
    const found = await steps.step('scan', () => this.#scan(known, { ...job, mode }, startedAt))
    const tally = tallyOf(known, found)
    const made = await steps.step('reconcile', async () => this.#encode(known, found, startedAt))
    const { stamp, notWritten } = await steps.step('save', async () =>
      save ? await this.#save(known, made) : { stamp: undefined, notWritten: 'RI_ERR_LOCKED' }
    )
    const lastScan = mode === 'paths' ? scanIn(known.status) : undefined
    const run = {
      startedAt,
      endedAt: this.#ports.now(),
      steps: steps.done,
      notWritten,
      began,
      mode,
      lastScan
    }
    const outcome = outcomeOf(tally, found, made, run)
    if (notWritten === undefined) await this.#saveStatus(outcome.status)
    this.#memory.remember(found, outcome, { ...made, stamp })
    return outcome
  }

  /** What another process' build found, where that began after this job was asked for. */
  async covered(job: Job): Promise<Outcome | undefined> {
    return await this.#covered(job, await this.#ports.manifest.readStatus())
  }

  async #covered(job: Job, status: Status | undefined): Promise<Outcome | undefined> {
    const { scanners } = this.#ports
    if (!status || !isCoveredBy(job, status, this.#ports.tick())) return undefined
    // Read anew: what is remembered has no bytes that could be handed over.
    const known = await this.#memory.recall({ ...job, mend: true }, status)
    const { listing, rows, stamp } = known
    if (!listing || listing.etag !== status.etag || !this.#isComplete(known)) return undefined
    const found = new Map(
      scanners.map((scanner) => {
        const entries = known.entries.get(scanner.base.name) ?? new Map()
        return [scanner.base.name, asBefore(scanner, entries, status)]
      })
    )
    const startedAt = Date.parse(status.startedAt)
    const run = { startedAt, endedAt: startedAt, steps: [], notWritten: undefined }
    const { remembered } = this.#memory
    const tally = tallyBetween(remembered.listing ? remembered : known, known)
    const outcome = outcomeOf(tally, found, { listing, snapshot: () => snapshotOf(listing, rows) }, run)
    this.#memory.remember(found, { listing, status }, { rows, stamp })
    const { durationMs, skippedLinks = 0 } = status
    return { ...outcome, status, result: { ...outcome.result, durationMs, skippedLinks } }
  }

  /** Single files are enough only where the rest is known. */
  #modeFor({ mode }: Job, known: Known): Job['mode'] {
    return mode === 'paths' && !this.#isComplete(known) ? 'incremental' : mode
  }

  #isComplete({ stamp, bases }: Known): boolean {
    return stamp !== undefined && this.#ports.scanners.every(({ base }) => bases.has(base.name))
  }

  async #scan(known: Known, job: Job, startedAt: number): Promise<Map<string, BaseFound>> {
    const { scanners, maxDrop } = this.#ports
    const overlaps = this.#ports.overlaps()
    const found = new Map(scanners.map(({ base }) => [base.name, undefined as unknown as BaseFound]))
    const scan = async (scanner: Scanner): Promise<void> => {
      const { name, root } = scanner.base
      const knownRoot = known.bases.get(name)?.root
      const part = await buildBase(scanner, known.entries.get(name) ?? new Map(), known.status, {
        mode: job.mode,
        rels: job.paths.filter(({ base }) => base === name).map(({ rel }) => rel),
        accepted: job.acceptRemovals.includes(name),
        moved: knownRoot !== undefined && knownRoot !== rootDigest(root),
        overlapped: overlaps.get(name),
        maxDrop,
        now: startedAt,
        lineOf: (tracked) => known.rows.lineOf(tracked)
      })
      found.set(name, part)
    }
    await Promise.all(scanners.map(scan))
    return found
  }

  /** Lays the manifest out anew, unless it says all there is to say already. */
  #encode(known: Known, found: Map<string, BaseFound>, startedAt: number): Made {
    const bases: BaseCount[] = this.#ports.scanners.map(({ base: { name, root } }) => {
      const { entries: listed, status } = found.get(name) as BaseFound
      const seen = listed.size > 0 || status.status === 'ok' || known.bases.get(name)?.seen === true
      return { name, count: listed.size, root: rootDigest(root), ...(seen && { seen }) }
    })
    const { listing, rows } = known
    if (listing && !isNews(known, found, bases))
      return { listing, rows, snapshot: () => snapshotOf(listing, rows) }
    const reports = arrange(rows, found.values())
    const { facts, ...encoded } = encodeManifest(reports, bases, rows, (etag) =>
      listing?.etag === etag ? listing.generatedAt : new Date(startedAt).toISOString()
    )
    return { ...encoded, listing: facts, reports }
  }

  /** @returns the manifest's stamp, or the error's code where it could not be written */
  async #save(known: Known, { bytes }: Made): Promise<Saved> {
    const { manifest } = this.#ports
    try {
      // What could not be read is not replaced: it may hold what is not known here.
      if (known.late) return { notWritten: 'RI_ERR_LATE' }
      await manifest.sweep()
      if (!bytes) return { stamp: known.stamp }
      await manifest.write(bytes, undefined, this.#ports.placing)
      return { stamp: await manifest.stamp() }
    } catch (error) {
      return { notWritten: codeOf(error) }
    }
  }

  async #saveStatus(status: Status): Promise<void> {
    try {
      await this.#ports.manifest.writeStatus(status)
      this.#memory.isStatusOld = false
    } catch (error) {
      this.#memory.isStatusOld = true
      this.#ports.warn(`the manifest's companion could not be written (${codeOf(error)})`)
    }
  }
}

/** What a companion tells of the last whole look at the bases. */
function scanIn(status: Status | undefined): Pick<Status, 'scanBegan' | 'scanMode' | 'skippedLinks'> {
  const { scanBegan, scanMode, skippedLinks } = status ?? {}
  return {
    ...(scanBegan !== undefined && { scanBegan }),
    ...(scanMode !== undefined && { scanMode }),
    ...(skippedLinks !== undefined && { skippedLinks })
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'unknown error'
}
