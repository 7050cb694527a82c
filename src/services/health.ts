import type { Health } from '../schemas/health.js'
import { listingSettingsOf, otherSettings } from './listing-settings.js'
import type { Snapshot } from './manifest.js'
import type { Reader } from './reader.js'
import type { Rebuilds } from './rebuilds.js'
import type { Settings } from './settings.js'

/** Who knows how the service is. */
export interface Witnesses {
  reader: Pick<Reader, 'manifestHealth' | 'baseHealth' | 'lastGood'>
  builder: Pick<Rebuilds, 'health' | 'isDeferred' | 'moved'>
  reportsIndex: { settings: Settings; version: string; startedAt: number; now: () => number }
  nextRefreshAt(): string | null
}

/** How the service, the manifest and the bases are, from memory alone. */
export function healthOf({ reader, builder, reportsIndex, nextRefreshAt }: Witnesses): Health {
  const now = reportsIndex.now()
  const notes = notesOn(reader.lastGood, builder, reportsIndex.settings)
  const manifest = { ...reader.manifestHealth(now), notes }
  const bases = reportsIndex.settings.bases.map(({ name }) => reader.baseHealth(name))
  const told = builder.health(nextRefreshAt())
  const wrong =
    manifest.status !== 'ok' ||
    notes.length > builder.moved.length || // a move is told, and nothing is wrong with it
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

function notesOn(
  snapshot: Snapshot | undefined,
  { isDeferred, moved }: Pick<Rebuilds, 'isDeferred' | 'moved'>,
  settings: Settings
): string[] {
  const names = settings.bases.map(({ name }) => name)
  const others = snapshot ? otherSettings(snapshot, names, listingSettingsOf(settings)) : []
  return [...others, ...moved.map(movedNote), ...(isDeferred ? [DEFERRED] : [])]
}

/** What is told of a base whose reports were found in another folder by the build before. */
export function movedNote(name: string): string {
  return (
    `the manifest had the reports of the base ${name} from another folder before the last build: the base was moved, or ` +
    'another build on this manifest has another path for it'
  )
}

/** Why there is no manifest yet, and what to do about it. */
export const DEFERRED =
  'the manifest is not written yet: it would lie in a base that holds no report and is, or may become, a mount point; ' +
  'set REPORTS_INDEX_MANIFEST (--manifest) to a file outside of the bases'
