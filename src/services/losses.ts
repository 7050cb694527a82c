import type { Scan } from './scan-result.js'
import { type Held, type Tracked, type Trackeds, withHeld } from './tracked.js'

/** How losses are judged. */
export interface Judgement {
  base: string
  /** Share of a base's entries that may go at once, 0 to 1. */
  maxDrop: number
  /** Losses that were told up to this moment are believed, in milliseconds since 1970: somebody said that they are real. */
  acceptedUntil: number | undefined
  /** Every loss is believed: the entries were found in another folder, and this one answers. */
  isMoved: boolean
  /** The base lies on a network or FUSE file system, whose folders can come back empty without an error. */
  remote: boolean
  /** Parts whose mount is gone, as rel of a folder; '' for the base itself. */
  goneMounts: readonly string[]
  /** Which reports were held is not known any more, but that some were: each that is missing may be one of them. */
  isHoldLost: boolean
  /** Now, in milliseconds since 1970. */
  now: number
}

/** What becomes of reports whose files a scan missed. */
export interface Losses {
  /** Those that stay listed, held. */
  kept: Tracked[]
  /** Those of them that are only doubted, by the topmost folder that went away; '' for the base itself. */
  doubted: Map<string, Tracked[]>
  /** Why those are held that stay until they are seen again. */
  reason: string | undefined
  /** Whether some are held now that were not before, or held otherwise, or were held and are believed to be gone. */
  isHoldNew: boolean
}

/** So many entries may always go from a local disk, whatever their share. */
const SMALL_DROP = 20
/** A doubted loss is believed when it is still one so much later, in milliseconds. */
const DOUBT_MS = 60_000

/**
 * Judges losses. What was held once stays held, whatever else comes or goes: only what is newly missing is judged by its
 * share, and by the share of what was there.
 */
export function settleLosses(
  known: Trackeds,
  missing: readonly Tracked[],
  scan: Scan,
  judgement: Judgement
): Losses {
  const losses: Losses = { kept: [], doubted: new Map(), reason: undefined, isHoldNew: false }
  if (missing.length === 0) return losses
  const judge = judgeFor(known, missing, scan, judgement)
  for (const tracked of missing) {
    const held = judge(tracked)
    losses.isHoldNew ||= held?.since !== tracked.held?.since || held?.until !== tracked.held?.until
    if (!held) continue
    const kept = held === tracked.held ? tracked : withHeld(tracked, held)
    losses.kept.push(kept)
    if (held.until === 'seen') continue
    const folder = goneFolderOf(tracked.rel, scan) ?? ''
    losses.doubted.set(folder, [...(losses.doubted.get(folder) ?? []), kept])
  }
  losses.reason = reasonOf(scan, judgement)
  return losses
}

type Judge = (tracked: Tracked) => Held | undefined

function judgeFor(known: Trackeds, missing: readonly Tracked[], scan: Scan, judgement: Judgement): Judge {
  const { maxDrop, acceptedUntil = Number.NEGATIVE_INFINITY, isMoved, remote, now } = judgement
  const isAny = scan.same.length + scan.read.size > 0
  if (maxDrop >= 1 || (isMoved && isAny)) return () => undefined
  const isWhole = isAny && !judgement.goneMounts.includes('') && !judgement.isHoldLost
  const goneMounts = new Set(judgement.goneMounts)
  const newly = missing.filter(({ held, rel }) => !held && !isBelowAny(rel, goneMounts))
  const share = newly.length / Math.max(1, countOfNotHeld(known))
  const isTooMuch = share > maxDrop && newly.length >= SMALL_DROP
  const isDoubtful = share > maxDrop && remote
  return (tracked) => {
    const { rel } = tracked
    const before = heldBefore(tracked, now)
    if (before && before.since <= acceptedUntil) return undefined
    if (before?.until === 'seen') return before
    const since = before?.since ?? now
    if (!isWhole || isBelowAny(rel, goneMounts) || (isTooMuch && !before)) return { since, until: 'seen' }
    if (before) return now - since >= DOUBT_MS ? undefined : before
    const isDoubted = isDoubtful || (remote && goneFolderOf(rel, scan) !== undefined)
    return isDoubted ? { since, until: 'confirmed' } : undefined
  }
}

/** A moment that is still to come was told by a clock that has been set back since. */
function heldBefore({ held }: Tracked, now: number): Held | undefined {
  return held && held.since > now ? { ...held, since: now } : held
}

function countOfNotHeld(known: Trackeds): number {
  let count = 0
  for (const { held } of known.values()) if (!held) count++
  return count
}

/** The topmost folder above a report that is not there any more, or that is empty now. */
function goneFolderOf(rel: string, { folders }: Scan): string | undefined {
  for (let slash = rel.indexOf('/'); slash !== -1; slash = rel.indexOf('/', slash + 1)) {
    const folder = rel.slice(0, slash)
    if (!folders.get(folder)) return folder
  }
  return undefined
}

function reasonOf(scan: Scan, { goneMounts }: Judgement): string | undefined {
  if (goneMounts.includes('')) return 'the mount that they lay on is gone'
  if (goneMounts.length > 0) return `a mount inside the base is gone: ${goneMounts.join(', ')}`
  return scan.same.length + scan.read.size === 0 ? 'the base looks empty' : undefined
}

/** Whether a rel is one of these places, or lies below one of them. */
export function isBelowAny(rel: string, places: ReadonlySet<string>): boolean {
  if (places.size === 0) return false
  if (places.has('') || places.has(rel)) return true
  for (let slash = rel.lastIndexOf('/'); slash > 0; slash = rel.lastIndexOf('/', slash - 1))
    if (places.has(rel.slice(0, slash))) return true
  return false
}
