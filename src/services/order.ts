import type { Entry } from '../schemas/entry.js'

/** Where an entry stands in the listing's order. */
export type Position = Pick<Entry, 'date' | 'mtime' | 'base' | 'rel'>

/** The listing's order: date and mtime descending, then base and rel ascending, by UTF-16 code unit. It is total. */
export function compareEntries(a: Position, b: Position): number {
  if (a.date !== b.date) return a.date < b.date ? 1 : -1
  if (a.mtime !== b.mtime) return a.mtime < b.mtime ? 1 : -1
  if (a.base !== b.base) return a.base < b.base ? -1 : 1
  return a.rel < b.rel ? -1 : a.rel > b.rel ? 1 : 0
}
