import type { ListingSettings, Status } from '../schemas/manifest.js'
import type { Progress } from '../schemas/rebuild.js'
import { buildBase } from './base-build.js'
import { asBefore, type BaseFound } from './base-found.js'
import { isMoved } from './base-place.js'
import { BuildSteps } from './build-steps.js'
import { isCoveredBy, type Job, type Tick } from './job.js'
import { type Known, nothingKnown } from './known.js'
import { layOut } from './lay-out.js'
import { otherSettings } from './listing-settings.js'
import { type Snapshot, snapshotOf } from './manifest.js'
import { Memory, type MemoryPorts } from './memory.js'
import { type Outcome, outcomeOf } from './outcome.js'
import type { Began } from './replacement.js'
import { OVERTAKEN, type Saved, type SavePorts, saveManifest, saveStatus, UNCERTAIN } from './save.js'
import type { Scanner } from './scanner.js'
import type { Select } from './select.js'
import { tallyBetween, tallyOf } from './tally.js'

/** The outside of the builder. */
export interface BuilderPorts extends SavePorts {
  scanners: readonly Scanner[]
  /** Bases that overlap another, which are not looked at: the name, and the other's. */
  overlaps(): Map<string, string>
  select: Select
  /** Share of a base's entries that may go at once, 0 to 1. */
  maxDrop: number
  /** The settings that shape the listing. */
  settings: ListingSettings
  manifest: MemoryPorts['manifest'] &
    SavePorts['manifest'] & {
      stamps(): Promise<Began>
      readStatus(): Promise<Status | undefined>
    }
  /** The listing that is served: what to go on from where there is no manifest. */
  lastGood(): Promise<Snapshot | undefined>
  /** Now, by the host's clock that never goes back. */
  tick(): Tick
  /** Milliseconds since 1970. */
  now(): number
  progress(progress: Progress): void
}

/** What lay in the manifest's place when a build began. */
interface Glance {
  began: Tick
  stamps: Began
  status: Status | undefined
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
    return await this.#buildOn(job, save, await this.#look())
  }

  async #buildOn(job: Job, save: boolean, look: Glance): Promise<Outcome> {
    let outcome = await this.#build(job, save, look)
    // Where no lock keeps builders apart, one that was overtaken goes on from what the other one has put in place.
    for (let turn = 1; outcome.notWritten === OVERTAKEN && turn < MAX_TURNS; turn++)
      outcome = await this.#build({ ...job, mend: true }, save, await this.#look())
    return outcome
  }

  /** What another process' build found, where that does, else one build. */
  async buildUnlessCovered(job: Job, save: boolean): Promise<Outcome> {
    const look = await this.#look()
    return (await this.#covered(job, look.status)) ?? (await this.#buildOn(job, save, look))
  }

  async #look(): Promise<Glance> {
    const { manifest } = this.#ports
    const began = this.#ports.tick()
    // The stamps first: what is read later is at least as new.
    return { began, stamps: await manifest.stamps(), status: await manifest.readStatus() }
  }

  async #build(job: Job, save: boolean, look: Glance): Promise<Outcome> {
    const steps = new BuildSteps(this.#ports.scanners, this.#ports.progress)
    const { now } = this.#ports
    const startedAt = now()
    const recalled = await steps.step('load', async () =>
      job.isAlone
        ? { known: nothingKnown, seen: undefined }
        : await this.#memory.recall(job, look.status, look.stamps.manifest)
    )
    const known = without(recalled.known, job.forgetBases)
    const stamps = { ...look.stamps, manifest: recalled.seen }
    steps.expect(known)
    const mode = this.#modeFor(job, known)
    const found = await steps.step('scan', () => this.#scan(known, { ...job, mode }, startedAt))
    const tally = tallyOf(known, found)
    const made = await steps.step('reconcile', async () =>
      layOut(known, found, this.#ports.settings, startedAt)
    )
    const { stamp, notWritten } = await steps.step('save', async () =>
      save ? await saveManifest(this.#ports, known, made.bytes, found, stamps) : LOCKED
    )
    const lastScan = mode === 'paths' ? scanIn(known.status) : undefined
    const run = {
      startedAt,
      endedAt: now(),
      steps: steps.done,
      notWritten: notWritten === UNCERTAIN ? undefined : notWritten,
      isDeferred: notWritten === UNCERTAIN,
      began: look.began,
      mode,
      lastScan,
      settings: this.#ports.settings,
      names: this.#names,
      otherSettings: this.#otherSettings(known),
      moved: this.#moved(known)
    }
    const outcome = outcomeOf(tally, found, made, run)
    if (notWritten === undefined)
      this.#memory.isStatusOld = !(await saveStatus(this.#ports, outcome.status, stamp))
    this.#memory.remember(found, outcome, { ...made, stamp })
    return outcome
  }

  get #names(): string[] {
    return this.#ports.scanners.map(({ base }) => base.name)
  }

  /** Bases whose reports another build found in another folder. */
  #moved({ bases }: Known): string[] {
    return this.#ports.scanners
      .filter((scanner) => isMoved(bases.get(scanner.base.name) ?? {}, scanner.place()))
      .map(({ base }) => base.name)
  }

  #otherSettings({ listing, bases }: Known): string[] {
    if (!listing) return []
    const { settings } = this.#ports
    return otherSettings({ ...listing, bases: [...bases.values()] }, this.#names, settings)
  }

  /** What another process' build found, where that began after this job was asked for. */
  async covered(job: Job): Promise<Outcome | undefined> {
    return await this.#covered(job, await this.#ports.manifest.readStatus())
  }

  async #covered(job: Job, status: Status | undefined): Promise<Outcome | undefined> {
    if (!status || !isCoveredBy(job, status, this.#ports.tick(), this.#names)) return undefined
    if (JSON.stringify(status.settings) !== JSON.stringify(this.#ports.settings)) return undefined
    // Read anew: what is remembered has no bytes that could be handed over.
    const { known } = await this.#memory.recall({ ...job, mend: true }, status, undefined)
    const { listing, rows, stamp } = known
    if (!listing || listing.etag !== status.etag || !this.#isComplete(known)) return undefined
    const found = new Map(
      [...known.entries].map(([name, entries]) => [
        name,
        asBefore(name, entries, status, known.bases.get(name))
      ])
    )
    const startedAt = Date.parse(status.startedAt)
    const run = { startedAt, endedAt: startedAt, steps: [], notWritten: undefined, names: this.#names }
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
    const others = [...known.entries].filter(([name]) => !found.has(name))
    for (const [name, entries] of others)
      found.set(name, asBefore(name, entries, known.status, known.bases.get(name)))
    const scan = async (scanner: Scanner): Promise<void> => {
      const { name } = scanner.base
      const part = await buildBase(scanner, known.entries.get(name) ?? new Map(), known.status, {
        mode: job.mode,
        rels: job.paths.filter(({ base }) => base === name).map(({ rel }) => rel),
        acceptedUntil: job.acceptRemovals.includes(name)
          ? (job.toldAt ?? Number.POSITIVE_INFINITY)
          : undefined,
        head: known.bases.get(name),
        isSalvaged: known.salvaged?.has(name) === true,
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
}

/** A build that is overtaken so often by others on the same manifest gives up: no lock keeps them apart. */
const MAX_TURNS = 5
/** Who does not hold the lock writes nothing. */
const LOCKED: Saved = { notWritten: 'RI_ERR_LOCKED' }

/** What is known without some bases. */
function without(known: Known, names: readonly string[] = []): Known {
  if (names.length === 0) return known
  const entries = new Map([...known.entries].filter(([name]) => !names.includes(name)))
  const bases = new Map([...known.bases].filter(([name]) => !names.includes(name)))
  return { ...known, entries, bases, stamp: undefined }
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
