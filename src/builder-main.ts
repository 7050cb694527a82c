import { BaseScanner } from './scan/base-scanner.js'
import { readMounts } from './scan/mounts.js'
import { findOverlaps } from './scan/overlap.js'
import { realPathWithin } from './scan/real-path.js'
import { Builder } from './services/builder.js'
import type { FromBuilder, ToBuilder } from './services/builder-messages.js'
import { socketLock } from './services/io/lock.js'
import { manifestFile } from './services/io/manifest-file.js'
import { tick } from './services/io/tick.js'
import type { Snapshot } from './services/manifest.js'
import { makeSelect } from './services/select.js'
import type { Settings } from './services/settings.js'

/** The builder process: made by the service, told what to do by messages, gone with the service. */

let house: ReturnType<typeof furnish> | undefined

function tell(message: FromBuilder): void {
  process.send?.(message, undefined, {}, () => {})
}

function furnish(settings: Settings) {
  const { bases, concurrency, timeoutMs, maxDrop } = settings
  const manifest = realPathWithin(settings.manifest)
  const now = () => Date.now()
  const select = makeSelect(settings.include, settings.exclude)
  const limit = Math.max(1, Math.floor(concurrency / bases.length))
  const scanners = bases.map(
    (base) => new BaseScanner({ base, select, manifest, limit, timeoutMs, now, mounts: readMounts })
  )
  const builder = new Builder({
    scanners,
    overlaps: () => findOverlaps(bases),
    select,
    maxDrop,
    concurrency,
    manifest: manifestFile(manifest, () => bases.map(({ root }) => realPathWithin(root))),
    lock: socketLock(manifest),
    now,
    tick,
    progress: (progress) => tell({ type: 'progress', progress }),
    warn: (message) => tell({ type: 'warn', message })
  })
  return { scanners, builder }
}

async function answer(message: Exclude<ToBuilder, { type: 'settings' }>): Promise<FromBuilder> {
  if (!house) throw new Error('no settings yet')
  const { id } = message
  if (message.type === 'build') {
    const { snapshot, ...built } = await house.builder.build(message.job, withBuffer(message.lastGood))
    const handOver = message.handOver || built.notWritten !== undefined
    return { type: 'built', id, built: handOver ? { ...built, snapshot } : built }
  }
  for (const scanner of house.scanners) {
    const base = scanner.base.name
    const rels = message.paths.filter((path) => path.base === base).map(({ rel }) => rel)
    const rel = await scanner.findEscape(rels)
    if (rel !== undefined) return { type: 'checked', id, escape: { base, rel } }
  }
  return { type: 'checked', id }
}

/** A Buffer arrives as plain bytes. */
function withBuffer(snapshot: Snapshot | undefined): Snapshot | undefined {
  return snapshot && { ...snapshot, body: Buffer.from(snapshot.body) }
}

process.on('message', (message: ToBuilder) => {
  if (message.type === 'settings') {
    house = furnish(message.settings)
    return
  }
  answer(message).then(tell, (error: unknown) => {
    const { name, code, stack } = error as NodeJS.ErrnoException
    tell({ type: 'warn', message: `the builder failed: ${stack}` })
    tell({ type: 'failed', id: message.id, message: code ?? name })
  })
})
process.on('disconnect', () => process.exit(0))
process.on('SIGINT', () => {}) // a terminal sends it to both; the service decides
