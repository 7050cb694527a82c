import type { BaseCount, ListingSettings } from '../schemas/manifest.js'
import type { BaseFound } from './base-found.js'
import { isNews, type Known } from './known.js'
import { encodeManifest, snapshotOf } from './manifest.js'
import type { Outcome } from './outcome.js'
import { arrange, type Rows } from './rows.js'
import { countOfHeld, type Tracked } from './tracked.js'

/** The listing that a build made, and the manifest's bytes where those are not what it says already. */
export type Made = Pick<Outcome, 'listing' | 'snapshot'> & {
  rows: Rows
  reports?: readonly Tracked[]
  bytes?: Buffer
}

/** Lays the manifest out anew, unless it says all there is to say already. */
export function layOut(
  known: Known,
  found: Map<string, BaseFound>,
  settings: ListingSettings,
  startedAt: number
): Made {
  const bases: BaseCount[] = [...found].map(([name, { entries: listed, status, home }]) => {
    const seen = listed.size > 0 || status.status === 'ok' || known.bases.get(name)?.seen === true
    const held = countOfHeld(listed)
    return { name, count: listed.size, ...home, ...(seen && { seen }), ...(held > 0 && { held }) }
  })
  const { listing, rows } = known
  if (listing && !isNews(known, found, bases, settings))
    return { listing, rows, snapshot: () => snapshotOf(listing, rows) }
  const reports = arrange(rows, found.values())
  const generatedAt = (etag: string) =>
    listing?.etag === etag ? listing.generatedAt : new Date(startedAt).toISOString()
  const { facts, ...encoded } = encodeManifest(reports, bases, rows, generatedAt, settings)
  return { ...encoded, listing: facts, reports }
}
