import type { Entry } from '../schemas/entry.js'
import type { Filter } from '../schemas/listing.js'

/** The entries that a filter lets through, in their order; `limit` is not looked at here. */
export function filterEntries(entries: readonly Entry[], { base, type, q, from, to }: Filter): Entry[] {
  const words = foldCase(q ?? '')
    .split(/\p{White_Space}+/u)
    .filter((word) => word !== '')
  return entries.filter((entry) => {
    const day = entry.date.slice(0, 10)
    return (
      (base === undefined || base.includes(entry.base)) &&
      (type === undefined || type.includes(entry.type)) &&
      (from === undefined || day >= from) &&
      (to === undefined || day <= to) &&
      hasWords(entry, words)
    )
  })
}

function hasWords({ title, rel }: Entry, words: readonly string[]): boolean {
  if (words.length === 0) return true
  const [inTitle, inRel] = [foldCase(title), foldCase(rel)]
  return words.every((word) => inTitle.includes(word) || inRel.includes(word))
}

// Upper case first: it makes one of letters that lower case alone keeps apart (ß and ss, ς and σ).
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}
