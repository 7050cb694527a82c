import type { BuildResult } from '../schemas/rebuild.js'
import type { BaseFound } from './base-found.js'
import type { Known } from './known.js'
import type { Trackeds } from './tracked.js'

/** How many reports became what. */
export type Tally = Pick<BuildResult, 'added' | 'updated' | 'removed' | 'unchanged'>

type Found = ReadonlyMap<string, Pick<BaseFound, 'entries' | 'read'>>

/**
 * Lets go of the lines that were made anew and are the same as before.
 * @returns what the build changed: a report that was read and whose line still is its own is new, or says something new
 */
export function tallyOf(known: Known, found: Found): Tally {
  const tally: Tally = { added: 0, updated: 0, removed: 0, unchanged: 0 }
  for (const [name, { entries, read }] of found) {
    const before = known.entries.get(name)
    let changed = 0
    for (const [rel, tracked] of read) {
      const old = before?.get(rel)
      if (!entries.has(rel) || !tracked.made) continue
      if (old && !old.made && known.rows.lineOf(old) === tracked.made.line) {
        tracked.made = undefined
        tracked.row = old.row
        continue
      }
      tally[old ? 'updated' : 'added']++
      changed++
    }
    tally.unchanged += entries.size - changed
  }
  return { ...tally, removed: countOf(known) - tally.updated - tally.unchanged }
}

function countOf({ listing, entries }: Known): number {
  if (listing) return listing.count
  let count = 0
  for (const { size } of entries.values()) count += size
  return count
}

/** What differs between two states of knowledge, by their lines. */
export function tallyBetween(before: Known, after: Known): Tally {
  const tally: Tally = { added: 0, updated: 0, removed: 0, unchanged: 0 }
  for (const [name, entries] of after.entries) {
    const olds: Trackeds | undefined = before.entries.get(name)
    for (const [rel, tracked] of entries) {
      const old = olds?.get(rel)
      const isSame = old && before.rows.lineOf(old) === after.rows.lineOf(tracked)
      tally[isSame ? 'unchanged' : old ? 'updated' : 'added']++
    }
  }
  return { ...tally, removed: (before.listing?.count ?? 0) - tally.updated - tally.unchanged }
}
