import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { Doubt } from '../schemas/manifest.js'
import { isBelowAny, type Judgement, type Losses, settleLosses } from './losses.js'
import type { Look, Scan } from './scan-result.js'
import { type Tracked, type Trackeds, withHeld } from './tracked.js'

export interface Reconciled {
  entries: Trackeds
  state: BaseStatus['status']
  error: string | null
  warnings: Warning[]
  doubts: Doubt[]
  /** Whether some entries are held now that were not before, or the other way round. */
  isHoldNew: boolean
}

/** Settles what is listed of a base: what was found, and what is not believed to be gone. */
export function reconcile(known: Trackeds, look: Look, judgement: Judgement): Reconciled {
  if ('unavailable' in look) {
    return {
      entries: known,
      state: 'unavailable',
      error: awaySentence(look.unavailable, known.size),
      warnings: [],
      doubts: [],
      isHoldNew: false
    }
  }
  const { scan } = look
  const { entries, missing, isAnyReleased } = merge(known, scan)
  const losses = settleLosses(known, missing, scan, judgement)
  for (const tracked of losses.kept) entries.set(tracked.rel, tracked)
  const { warnings, doubts } = doubtsOf(losses, judgement)
  return {
    entries,
    ...suspicionOf(judgement.base, entries, losses),
    warnings: [...scan.warnings, ...warnings],
    doubts,
    isHoldNew: isAnyReleased || losses.isHoldNew
  }
}

/** What was found, and what stays as nothing is known of its place; and what is missing. Copied only where it changed. */
function merge(
  known: Trackeds,
  scan: Scan
): { entries: Trackeds; missing: Tracked[]; isAnyReleased: boolean } {
  let again = 0
  for (const rel of scan.read.keys()) if (known.has(rel)) again++
  const isAllThere = scan.same.length + again === known.size
  const back = scan.same.filter(({ held }) => held)
  if (isAllThere && scan.read.size === 0 && back.length === 0)
    return { entries: known, missing: [], isAnyReleased: false }
  const entries = new Map(known)
  const missing = isAllThere ? [] : missingIn(known, scan)
  for (const { rel } of missing) entries.delete(rel)
  for (const tracked of back) entries.set(tracked.rel, withHeld(tracked, undefined))
  let isAnyReleased = back.length > 0
  for (const [rel, tracked] of scan.read) {
    isAnyReleased ||= known.get(rel)?.held !== undefined
    // Whoever read it again may have gone on from what was known of it.
    if (tracked.held) scan.read.set(rel, withHeld(tracked, undefined))
    entries.set(rel, scan.read.get(rel) as Tracked)
  }
  return { entries, missing, isAnyReleased }
}

function missingIn(known: Trackeds, scan: Scan): Tracked[] {
  const same = new Set(scan.same)
  const unreadable = new Set(scan.unreadable)
  return [...known.values()].filter(
    (tracked) => !same.has(tracked) && !scan.read.has(tracked.rel) && !isBelowAny(tracked.rel, unreadable)
  )
}

/** Why a base is unavailable, and what becomes of its reports. */
export function awaySentence(reason: string, known: number): string {
  const kept = `its ${known} known reports stay listed until it answers again`
  return `${reason}; ${known > 0 ? kept : 'none of its reports is known yet'}`
}

/** What a base's status says of reports that stay listed until their files are seen again. */
export function suspicionOf(
  base: string,
  entries: Trackeds,
  { reason }: Pick<Losses, 'reason'> = { reason: undefined }
): Pick<Reconciled, 'state' | 'error'> {
  let missing = 0
  for (const { held } of entries.values()) if (held?.until === 'seen') missing++
  if (missing === 0) return { state: 'ok', error: null }
  const all = missing === entries.size ? `all ${missing}` : `${missing} of ${entries.size}`
  return {
    state: 'suspect',
    error:
      `${all} reports are missing and stay listed until they are back${reason ? ` (${reason})` : ''}; if they are ` +
      `really gone, POST /rebuild with {"acceptRemovals": ["${base}"]}, or run reports-index build --accept-removals ` +
      `${base} with the settings of the service`
  }
}

function doubtsOf({ doubted }: Losses, { base, now }: Judgement): Pick<Reconciled, 'warnings' | 'doubts'> {
  const warnings: Warning[] = []
  const doubts: Doubt[] = []
  for (const [rel, reports] of doubted) {
    const since = Math.min(now, ...reports.map(({ held }) => held?.since ?? now))
    const what = rel === '' ? 'went away at once' : 'went away with their folder'
    doubts.push({ base, rel, since: new Date(since).toISOString() })
    warnings.push({
      code: 'suspect-folder',
      base,
      rel,
      message: `${reports.length} reports ${what}; they stay listed until a build in a minute or later finds them gone again`
    })
  }
  return { warnings, doubts }
}
