import { BaseScanner } from './scan/base-scanner.js'
import { isPlaceUncertain } from './scan/manifest-place.js'
import { distrustMounts, isLocal, readMounts } from './scan/mounts.js'
import { findOverlaps } from './scan/overlap.js'
import { realPathWithin } from './scan/real-path.js'
import { Builder, type BuilderPorts } from './services/builder.js'
import { boundedManifestFile } from './services/io/bounded-manifest-file.js'
import { placeLock } from './services/io/lock.js'
import { manifestFile } from './services/io/manifest-file.js'
import { tick } from './services/io/tick.js'
import { listingSettingsOf } from './services/listing-settings.js'
import { makeSelect } from './services/select.js'
import type { Settings } from './services/settings.js'

export interface HouseOptions extends Pick<BuilderPorts, 'lastGood' | 'progress' | 'warn' | 'placing'> {
  settings: Settings
  /** Calls on local disks hung in a process before: take no mount but the root for one that answers at once. */
  careful: boolean
  /** The manifest is known to have lain on a mount. */
  wasRemote: boolean
  /** Whether who asked for it is still there. */
  isWanted(): boolean
}

/** A builder and what it looks at bases with, all real. */
export interface House {
  /** Absolute path of the manifest, links resolved. */
  manifest: string
  scanners: BaseScanner[]
  builder: Builder
  /** Whether nothing that it touches can hang, as far as the kernel tells. */
  readonly isLocal: boolean
}

/** Who waits for no more than what is remembered anyway waits so long, in milliseconds. */
const SHORT_MS = 1000

/** What the kernel said so short a time ago is taken for what it would say now, in milliseconds: a build asks many times. */
const LATELY_MS = 10

function lately<T>(ask: () => T): () => T {
  let said: { at: number; what: T } | undefined
  return () => {
    const at = performance.now()
    if (!said || at - said.at > LATELY_MS) said = { at, what: ask() }
    return said.what
  }
}

/** Furnishes a builder, in whatever process. */
export function furnishBuilder({ settings, careful, wasRemote, isWanted, ...ports }: HouseOptions): House {
  const { bases, concurrency, timeoutMs, maxDrop, rereadMs } = settings
  const kernel = lately(readMounts)
  const mounts = careful ? lately(distrustMounts) : kernel
  const manifest = realPathWithin(settings.manifest, mounts())
  const now = () => Date.now()
  const select = makeSelect(settings.include, settings.exclude)
  // Bases whose calls answer at once need none of those that go side by side.
  const limit = () =>
    Math.max(1, Math.floor(concurrency / Math.max(1, scanners.filter(({ remote }) => remote).length)))
  const scanners: BaseScanner[] = bases.map(
    (base) =>
      new BaseScanner({ base, select, manifest, limit, timeoutMs, now, mounts, rereadMs, warn: ports.warn })
  )
  const canHang = () => !isLocal(manifest, mounts())
  const roots = () => bases.map(({ root }) => realPathWithin(root, mounts()))
  const opened = manifestFile({
    path: manifest,
    keep: roots,
    now,
    canHang,
    placeLock: placeLock(() => ({ path: manifest, local: !canHang() }))
  })
  const file = boundedManifestFile(opened, {
    limitMs: timeoutMs,
    shortMs: Math.min(timeoutMs, SHORT_MS),
    canHang,
    isLocal: () => isLocal(manifest, kernel()),
    wasRemote,
    isWanted
  })
  const overlaps = () => findOverlaps(bases, mounts())
  const builder = new Builder({
    scanners,
    overlaps,
    select,
    maxDrop,
    settings: listingSettingsOf(settings),
    manifest: file,
    isPlaceUncertain: (found) => isPlaceUncertain(manifest, bases, mounts(), select, found),
    now,
    tick,
    ...ports
  })
  return {
    manifest,
    scanners,
    builder,
    get isLocal() {
      return !canHang() && !scanners.some(({ remote }) => remote)
    }
  }
}
