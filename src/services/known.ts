import type { BaseCount, ListingSettings, Status } from '../schemas/manifest.js'
import type { BaseFound } from './base-found.js'
import { isSameHome } from './base-place.js'
import { firstLine, lineEnd, nameIn } from './lines.js'
import type { ListingFacts, Snapshot } from './manifest.js'
import type { OpenedManifest } from './open-manifest.js'
import { noRows, Rows } from './rows.js'
import { type Select, selection } from './select.js'
import { decodeState } from './state.js'
import { isKnown, isSameStamp, type Tracked, type Trackeds, trackRow, withHeld } from './tracked.js'

/** What is known before a build begins. */
export interface Known {
  /** The stamp of the manifest that says so; undefined where it has to be written in any case. */
  stamp: string | undefined
  listing: ListingFacts | undefined
  /** The listing's lines. */
  rows: Rows
  /** By base. */
  entries: Map<string, Trackeds>
  /** By base: what the manifest's head says. */
  bases: Map<string, BaseCount>
  status: Status | undefined
  /** The manifest gave no answer, so what it holds is not known. */
  late?: boolean
  /** What is in the manifest's place cannot be used. */
  isUnusable?: boolean
  /** Bases whose entries come from a manifest that does not match its digest. */
  salvaged?: ReadonlySet<string>
}

export const nothingKnown: Known = {
  stamp: undefined,
  listing: undefined,
  rows: noRows,
  entries: new Map(),
  bases: new Map(),
  status: undefined
}

/**
 * What a manifest and its companion tell; entries of these bases that the rules do not take any more are left out.
 * @param names of the bases here; the entries of others are kept as they are
 */
export function knownFrom(
  opened: Pick<OpenedManifest, 'snapshot' | 'state'> & { isOwnLayout?: boolean },
  stamp: string | undefined,
  status: Status | undefined,
  names: readonly string[],
  select: Select
): Known {
  const { body: _, ...listing } = opened.snapshot
  const { rows, reports } = rowsIn(opened, status?.settled === true && status.etag === listing.etag)
  const all = [...names, ...listing.bases.map(({ name }) => name)]
  const entries = new Map<string, Trackeds>(all.map((name) => [name, new Map()]))
  const isSelected = selection(select)
  for (const tracked of reports) {
    if (!names.includes(tracked.base) || isSelected(tracked.rel))
      entries.get(tracked.base)?.set(tracked.rel, tracked)
  }
  return {
    // Of another layout, it is written anew.
    stamp: opened.isOwnLayout === false ? undefined : stamp,
    listing,
    rows,
    entries,
    bases: new Map(listing.bases.map((base) => [base.name, base])),
    status
  }
}

/** @param isSettled files that were too fresh to trust have been read again since */
function rowsIn(
  { snapshot: { body, count }, state }: Pick<OpenedManifest, 'snapshot' | 'state'>,
  isSettled: boolean
) {
  const keptOf = decodeState(state)
  const starts = new Uint32Array(count + 1)
  const reports: Tracked[] = []
  let at = firstLine(body)
  for (let row = 0; row < count; row++) {
    starts[row] = at
    const { base, rel } = nameIn(body, at)
    at = lineEnd(body, at)
    const { stamp, recheck, warnings, held } = keptOf(row)
    reports.push(
      trackRow({ base, rel }, row, {
        stamp,
        recheck: recheck && !(isSettled && isKnown(stamp)),
        held,
        warnings: warnings.map((warning) => ({ ...warning, base, rel }))
      })
    )
  }
  starts[count] = at
  return { rows: new Rows(body, starts), reports }
}

/** What a listing without a manifest tells; files whose entries are remembered as they are there are known by their stamps. */
export function knownAgain(
  snapshot: Snapshot,
  remembered: Known,
  status: Status | undefined,
  names: readonly string[],
  select: Select
): Known {
  const known = knownFrom({ snapshot, state: Buffer.alloc(0) }, '', status, names, select)
  for (const [name, entries] of known.entries) {
    for (const [rel, { row }] of entries) {
      const before = remembered.entries.get(name)?.get(rel)
      if (before && remembered.rows.lineOf(before) === known.rows.line(row).toString('utf8'))
        entries.set(rel, { ...before, made: undefined, row })
      else if (before?.held) entries.set(rel, withHeld(entries.get(rel) as Tracked, before.held))
    }
  }
  return known
}

/** Whether what a manifest says of a base was said without ever having known it. */
export function isForgotten(base: BaseCount | undefined): boolean {
  return base !== undefined && base.count === 0 && base.seen !== true
}

/**
 * Whether the manifest has to be written: another listing, other bases or settings, files that are known by other stamps, or
 * reports that are held, or not held any more.
 */
export function isNews(
  known: Known,
  found: Map<string, BaseFound>,
  bases: readonly BaseCount[],
  settings: ListingSettings
): boolean {
  if (known.stamp === undefined || bases.length !== known.bases.size) return true
  if (JSON.stringify(known.listing?.settings) !== JSON.stringify(settings)) return true
  if (bases.some((base) => isOther(base, known.bases.get(base.name)))) return true
  let count = 0
  for (const [name, { entries, read, isHoldNew }] of found) {
    if (isHoldNew) return true
    const before = known.entries.get(name)
    count += entries.size
    for (const [rel, { made, stamp }] of read) {
      const old = before?.get(rel)
      if (entries.has(rel) && (!old || made || !isSameStamp(old.stamp, stamp))) return true
    }
  }
  return count !== known.rows.count
}

function isOther(base: BaseCount, before: BaseCount | undefined): boolean {
  return !isSameHome(base, before) || base.seen !== before?.seen
}
