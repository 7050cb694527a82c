import type { Entry } from '../schemas/entry.js'
import { keyOf } from './rows.js'

/**
 * A report that stays where it is while a listing becomes another, as near to a row as there is one: those below it first.
 * @returns its row in both; undefined where nothing stays
 */
export function stayingNear(
  before: readonly Entry[],
  row: number,
  after: readonly Entry[]
): { before: number; after: number } | undefined {
  const rows = new Map(after.map((entry, index) => [keyOf(entry), index]))
  const stays = (index: number) => {
    const entry = before[index] as Entry
    const now = rows.get(keyOf(entry))
    if (now === undefined) return undefined
    const { date, mtime } = after[now] as Entry
    // What has another date has gone elsewhere, and nobody wants to follow it there.
    return date === entry.date && mtime === entry.mtime ? { before: index, after: now } : undefined
  }
  for (let index = row; index < before.length; index++) {
    const found = stays(index)
    if (found) return found
  }
  for (let index = Math.min(row, before.length) - 1; index >= 0; index--) {
    const found = stays(index)
    if (found) return found
  }
  return undefined
}
