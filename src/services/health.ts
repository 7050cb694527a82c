import type { Health } from '../schemas/health.js'
import type { Reader } from './reader.js'
import type { Rebuilds } from './rebuilds.js'
import type { Settings } from './settings.js'

/** Who knows how the service is. */
export interface Witnesses {
  reader: Pick<Reader, 'manifestHealth' | 'baseHealth'>
  builder: Pick<Rebuilds, 'health'>
  reportsIndex: { settings: Settings; version: string; startedAt: number; now: () => number }
  nextRefreshAt(): string | null
}

/** How the service, the manifest and the bases are, from memory alone. */
export function healthOf({ reader, builder, reportsIndex, nextRefreshAt }: Witnesses): Health {
  const now = reportsIndex.now()
  const manifest = reader.manifestHealth(now)
  const bases = reportsIndex.settings.bases.map(({ name }) => reader.baseHealth(name))
  const told = builder.health(nextRefreshAt())
  const wrong =
    manifest.status !== 'ok' ||
    told.lastError !== null ||
    bases.some(({ status }) => status === 'unavailable' || status === 'suspect')
  return {
    status: wrong ? 'degraded' : 'ok',
    version: reportsIndex.version,
    uptimeSeconds: Math.max(0, Math.round((now - reportsIndex.startedAt) / 100) / 10),
    manifest,
    bases,
    builder: told
  }
}
