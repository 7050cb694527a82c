import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { FileSystem } from '../schemas/base-status.js'
import type { BasePlace } from '../services/base-place.js'
import type { Look, Scan, ScanHints } from '../services/scan-result.js'
import type { Select } from '../services/select.js'
import type { Base } from '../services/settings.js'
import { asidePathOf, statusPathOf } from '../services/status.js'
import type { Trackeds } from '../services/tracked.js'
import type { Pin } from './descent.js'
import { describeFault, faultCode, makeFault } from './faults.js'
import { realPathOf } from './file-below.js'
import type { Counts, WalkOptions } from './findings.js'
import { Gate, Silence } from './gate.js'
import { asyncHands, type Hands, type HandsNow, handsNow, readFirst } from './hands.js'
import { lookAtPaths, type PathsLook } from './look-at-paths.js'
import { isDisk, type Mount } from './mounts.js'
import type { ListingTraits } from './names.js'
import { type Calls, pinNow } from './pin.js'
import { basePlaceOf, hasLostMounts, mountsOf, type Place, placeAt } from './place.js'
import { isWithin, realPathWithin } from './real-path.js'
import { areChangeTimesReal, NEVER, rereadSince } from './reread.js'
import { ServerClock } from './server-clock.js'
import { isFoundInOtherCase } from './spelling.js'
import { Stuck } from './stuck.js'
import { trustIn } from './trust.js'
import { walk } from './walk.js'
import { walkNow } from './walk-now.js'

export interface ScannerOptions {
  base: Base
  select: Select
  /** Absolute path of the manifest, links resolved: neither it nor its companions are reports. */
  manifest: string
  /** File calls at once, where they can hang; asked whenever the base is looked at. */
  limit(): number
  timeoutMs: number
  /** Milliseconds since 1970. */
  now(): number
  /** What is mounted where. */
  mounts(): Mount[]
  /** Told what is a defect of the program. */
  warn?(message: string): void
  /** How files are reached; the real ones by default. */
  handsNow?: HandsNow
  /**
   * Where size and time of modification alone tell a changed file, each head is read again once in so long, in
   * milliseconds; 0: never.
   */
  rereadMs?: number
}

const DAY_MS = 86_400_000

/** One base as the builder sees it. It remembers which answers the base owes. */
export class BaseScanner {
  readonly base: Base
  readonly #options: ScannerOptions
  readonly #gate: Gate
  readonly #stuck = new Stuck()
  readonly #clock = new ServerClock()
  #lastScannedAt: number | undefined
  #ignoresCase: boolean | null = null
  counts: Counts = { folders: 0, files: 0, read: 0 }

  constructor(options: ScannerOptions) {
    this.base = options.base
    this.#options = options
    this.#gate = new Gate(options.timeoutMs)
  }

  /** Whether the base lies on a network or FUSE file system. Asks the kernel, not the base. */
  get remote(): boolean {
    return !mountsOf(this.#place()).every(isDisk)
  }

  #place(): Place {
    const mounts = this.#options.mounts()
    return placeAt(realPathWithin(this.base.root, mounts), mounts)
  }

  /** Where the base lies. Asks the kernel, not the base. */
  place(): BasePlace {
    return basePlaceOf(this.#place(), this.#options.mounts(), this.#options.select)
  }

  /** Looks at the whole base. */
  async scan(known: Trackeds, full: boolean, hints: ScanHints = {}): Promise<Look> {
    try {
      const scan = await this.#with(
        (options, calls, place) => this.#walk({ ...options, hints }, calls, place),
        known,
        full
      )
      return { scan }
    } catch (error) {
      return { unavailable: this.#reason(error) }
    }
  }

  /** Looks at these files alone. */
  async look(rels: readonly string[], known: Trackeds): Promise<PathsLook | { unavailable: string }> {
    try {
      const limit = this.#options.limit()
      return await this.#with((options, calls) => lookAtPaths(rels, options, calls, limit), known, true)
    } catch (error) {
      return { unavailable: this.#reason(error) }
    }
  }

  /** The first of these paths that leads out of the base through a link; undefined too where the base is silent. */
  async findEscape(rels: readonly string[]): Promise<string | undefined> {
    try {
      return await this.#with(
        async ({ root: top }, calls) => {
          for (const [index, rel] of rels.entries()) {
            if (!isWithin(await realPathOf(join(top, rel), calls), top)) return rel
            if (index % 50 === 49) await setImmediate() // many are looked at at once, where calls answer at once
          }
          return undefined
        },
        new Map(),
        false
      )
    } catch (error) {
      this.#reason(error)
      return undefined
    }
  }

  async #walk(given: WalkOptions, calls: Calls | undefined, place: Place): Promise<Scan> {
    const { trust, hands, known, root, nowMs = 0, hints } = given
    const facts = factsOf(place, areChangeTimesReal(known, trust) ?? null)
    const { rereadMs = DAY_MS } = this.#options
    const last = latest(hints?.lastScannedAt, this.#lastScannedAt)
    const isReread = !trust.keepsChangeTime && rereadMs > 0
    const reread = isReread ? rereadSince(rereadMs, nowMs, last, facts.changeTimes === true) : NEVER
    const options = { ...given, facts, reread }
    const scan = calls
      ? { ...(await walk(options, calls)), path: root }
      : await walkNow(options, hands as HandsNow)
    if (hasLostMounts(place, placeAt(root, this.#options.mounts()))) throw makeFault('RI_ERR_UNMOUNTED')
    this.#lastScannedAt = nowMs
    facts.kinds = given.traits?.kinds ?? null
    facts.ignoresCase = await this.#findCase(scan, hands, root)
    return { ...scan, fileSystem: facts }
  }

  /** Whether a report is found by a name in another case. */
  async #findCase(scan: Scan, hands: Hands, root: string): Promise<boolean | null> {
    const rel = scan.same[0]?.rel ?? scan.read.keys().next().value
    if (this.#ignoresCase === null && rel !== undefined)
      this.#ignoresCase = await isFoundInOtherCase(rel, hands, root)
    return this.#ignoresCase
  }

  /** Does work on the base with the hands that fit its file system. */
  async #with<T>(
    work: (options: WalkOptions, calls: Calls | undefined, place: Place) => Promise<T>,
    known: Trackeds,
    full: boolean
  ): Promise<T> {
    const place = this.#place()
    const isLocal = mountsOf(place).every((mount) => isDisk(mount) && !mount?.distrusted)
    const traits: ListingTraits = {}
    if (isLocal) {
      const hands = this.#options.handsNow ?? handsNow(traits)
      return await work({ ...this.#optionsFor(place, hands, pinNow, known, full), traits }, undefined, place)
    }
    const probe = () => readFirst(place.root)
    const onMount = async (calls: Calls) => {
      // A link on a mount can be resolved by that mount alone.
      const real = placeAt(await realPathOf(place.root, calls), this.#options.mounts())
      const options = this.#optionsFor(real, asyncHands(calls, traits), () => undefined, known, full)
      return await work({ ...options, traits }, calls, real)
    }
    return await this.#gate.watch(this.#options.limit(), onMount, probe)
  }

  #optionsFor(place: Place, hands: Hands, pin: Pin, known: Trackeds, full: boolean): WalkOptions {
    const mount = leastOf(place)
    const nowMs = this.#options.now()
    const trust = trustIn(mount?.type, isDisk(mount), nowMs)
    return {
      base: this.base.name,
      root: place.root,
      pin,
      hands,
      select: this.#options.select,
      trust,
      isOwn: this.#ownFiles(place.root),
      known,
      full,
      counts: this.counts,
      stuck: this.#stuck,
      nowMs,
      ...(trust.isLearned && { clock: this.#clock })
    }
  }

  /** The manifest, its companion and their temporary files, where they lie in this base. */
  #ownFiles(root: string): (rel: string) => boolean {
    const { manifest } = this.#options
    const folder = dirname(manifest)
    if (!isWithin(folder, root)) return () => false
    const prefix = folder === root ? '' : `${folder.slice(root === '/' ? 1 : root.length + 1)}/`
    const own = [manifest, statusPathOf(manifest), asidePathOf(manifest)].map(
      (path) => prefix + basename(path)
    )
    return (rel) => own.some((path) => rel.startsWith(path) && /^(?:\.\d+)?$/.test(rel.slice(path.length)))
  }

  #reason(error: unknown): string {
    if (error instanceof Silence) {
      const since = this.#gate.silentSince
      return since === undefined
        ? `no answer within ${this.#options.timeoutMs / 1000} s`
        : `no answer since ${new Date(since).toISOString()}; it is looked at again when it has answered`
    }
    if (faultCode(error) !== undefined) return describeFault(error)
    // A defect, or a limit of the program, that this base's folders lead to: it costs no other base its build.
    const { name, stack } = error as Error
    this.#options.warn?.(`the scan of the base ${this.base.name} failed: ${stack}`)
    return `its scan failed (${name}); the log says more`
  }
}

/** Of the mounts of a base the one that promises least. */
function leastOf(place: Place): Mount | undefined {
  const all = mountsOf(place)
  return all.find((each) => !isDisk(each)) ?? all[0]
}

function factsOf(place: Place, changeTimes: boolean | null): FileSystem {
  const mount = leastOf(place)
  const inodes = isDisk(mount) ? true : null
  return { type: mount?.type ?? '', kinds: null, ignoresCase: null, inodes, changeTimes }
}

/** The later of two moments, where they are known. */
function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)
}
