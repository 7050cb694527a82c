import type { BaseFound } from './base-found.js'
import { goneMounts, isMountAway, isMoved } from './base-place.js'
import { isBelowAny } from './losses.js'
import { awaySentence, suspicionOf } from './reconcile.js'
import type { BaseJob, Scanner } from './scanner.js'
import { withHeld } from './tracked.js'

/**
 * What is said of a file by name is believed at once, a removal only where the base itself answers: not where its folder or
 * mount is gone or another one, and not where it looks empty.
 */
export async function lookAtPaths(scanner: Scanner, found: BaseFound, job: BaseJob): Promise<void> {
  const { read } = scanner.counts
  const home = job.head ?? {}
  const began = scanner.place()
  const look = await scanner.look(job.rels, found.entries)
  if ('unavailable' in look) {
    const error = awaySentence(look.unavailable, found.entries.size)
    found.status = { ...found.status, status: 'unavailable', error }
    return
  }
  const place = scanner.place()
  const gone = new Set(goneMounts(home, began, place))
  const isBelieved = (rel: string) =>
    !look.isEmpty && !isMoved(found.home, place, look.path) && !isBelowAny(rel, gone)
  const entries = new Map(found.entries)
  for (const [rel, tracked] of look.found) {
    const isHeld = entries.get(rel)?.held !== undefined
    const isAway = isHeld && isMountAway(found.home, place, rel)
    if (tracked) {
      const seen = tracked.held ? withHeld(tracked, undefined) : tracked
      entries.set(rel, seen)
      found.read.set(rel, seen)
    } else if (isBelieved(rel) && !isAway) {
      entries.delete(rel)
      found.read.delete(rel)
    } else continue
    found.isHoldNew ||= isHeld
  }
  found.entries = entries
  if (found.status.status === 'suspect') {
    const { state, error } = suspicionOf(scanner.base.name, entries)
    found.status = { ...found.status, status: state, error }
  }
  found.filesRead += Math.max(0, scanner.counts.read - read)
  found.warnings = [...found.warnings.filter(({ rel }) => !look.found.has(rel)), ...look.warnings]
}
