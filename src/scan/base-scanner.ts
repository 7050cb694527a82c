import { basename, dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Look, Scan } from '../services/reconcile.js'
import type { Select } from '../services/select.js'
import type { Base } from '../services/settings.js'
import { statusPathOf } from '../services/status.js'
import type { Trackeds } from '../services/tracked.js'
import type { Pin } from './descent.js'
import { describeFault, faultCode } from './faults.js'
import { realPathOf } from './file-below.js'
import type { Counts, WalkOptions } from './findings.js'
import { Gate, Silence } from './gate.js'
import { asyncHands, type Hands, type HandsNow, handsNow, readFirst } from './hands.js'
import { lookAtPaths, type PathsLook } from './look-at-paths.js'
import { isDisk, type Mount } from './mounts.js'
import { type Calls, pinNow } from './pin.js'
import { mountsOf, type Place, placeAt, scannedMounts, scannedRoot } from './place.js'
import { isWithin, realPathWithin } from './real-path.js'
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
}

/** One base as the builder sees it. It remembers which answers the base owes. */
export class BaseScanner {
  readonly base: Base
  readonly #options: ScannerOptions
  readonly #gate: Gate
  readonly #stuck = new Stuck()
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

  /** Looks at the whole base. */
  async scan(known: Trackeds, full: boolean): Promise<Look> {
    try {
      return {
        scan: await this.#with((options, calls, place) => this.#walk(options, calls, place), known, full)
      }
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

  async #walk(options: WalkOptions, calls: Calls | undefined, place: Place): Promise<Scan> {
    const { ino } = await options.hands.stat(options.root)
    const scan = calls ? await walk(options, calls) : await walkNow(options, options.hands as HandsNow)
    return { ...scan, root: scannedRoot(place, ino), mounts: scannedMounts(place, options.select) }
  }

  /** Does work on the base with the hands that fit its file system. */
  async #with<T>(
    work: (options: WalkOptions, calls: Calls | undefined, place: Place) => Promise<T>,
    known: Trackeds,
    full: boolean
  ): Promise<T> {
    const place = this.#place()
    const isLocal = mountsOf(place).every((mount) => isDisk(mount) && !mount?.distrusted)
    if (isLocal) {
      const hands = this.#options.handsNow ?? handsNow({})
      return await work(this.#optionsFor(place, hands, pinNow, known, full), undefined, place)
    }
    const probe = () => readFirst(place.root)
    const onMount = async (calls: Calls) => {
      // A link on a mount can be resolved by that mount alone.
      const real = placeAt(await realPathOf(place.root, calls), this.#options.mounts())
      const options = this.#optionsFor(real, asyncHands(calls), () => undefined, known, full)
      return await work(options, calls, real)
    }
    return await this.#gate.watch(this.#options.limit(), onMount, probe)
  }

  #optionsFor(place: Place, hands: Hands, pin: Pin, known: Trackeds, full: boolean): WalkOptions {
    const { root } = place
    const all = mountsOf(place)
    // Where there are several, the one that promises least.
    const mount = all.find((each) => !isDisk(each)) ?? all[0]
    return {
      base: this.base.name,
      root,
      pin,
      hands,
      select: this.#options.select,
      trust: trustIn(mount?.type, isDisk(mount), this.#options.now()),
      isOwn: this.#ownFiles(root),
      known,
      full,
      counts: this.counts,
      stuck: this.#stuck
    }
  }

  /** The manifest, its companion and their temporary files, where they lie in this base. */
  #ownFiles(root: string): (rel: string) => boolean {
    const { manifest } = this.#options
    const folder = dirname(manifest)
    if (!isWithin(folder, root)) return () => false
    const prefix = folder === root ? '' : `${folder.slice(root === '/' ? 1 : root.length + 1)}/`
    const own = [manifest, statusPathOf(manifest)].map((path) => prefix + basename(path))
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
