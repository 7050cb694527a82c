import type { Entry } from '../schemas/entry.js'
import type { Filter } from '../schemas/listing.js'

/** An entry in which words can be looked for: its title and its rel, folded once, when they are first asked for. */
export interface Searchable {
  entry: Entry
  folded?: string
}

/** The entries that a filter lets through, in their order; `limit` is not looked at here. */
export function filterEntries(entries: readonly Entry[], filter: Filter): Entry[] {
  const matches = matcher(filter)
  return entries.filter((entry) => matches({ entry }))
}

/** Tells which entries a filter lets through. */
export function matcher({ base, type, q, from, to }: Filter): (searchable: Searchable) => boolean {
  const words = wordsIn(q)
  return (searchable) => {
    const { entry } = searchable
    const day = entry.date.slice(0, 10)
    return (
      (base === undefined || base.includes(entry.base)) &&
      (type === undefined || type.includes(entry.type)) &&
      (from === undefined || day >= from) &&
      (to === undefined || day <= to) &&
      hasWords(searchable, words)
    )
  }
}

/** Two filters that say the same have the same key; undefined where every entry passes. */
export function filterKey({ base, type, q, from, to }: Filter): string | undefined {
  const words = wordsIn(q)
  const sorted = (some: string[] | undefined) => some && [...new Set(some)].toSorted()
  const said = { base: sorted(base), type: sorted(type), q: words.length ? words : undefined, from, to }
  const key = JSON.stringify(said)
  return key === '{}' ? undefined : key
}

/** The words to look for: where one contains another, the other one is found with it. */
function wordsIn(q: string | undefined): string[] {
  const words = foldCase(q ?? '').split(/\p{White_Space}+/u)
  let all = ''
  const needed = [...new Set(words)]
    .toSorted((a, b) => b.length - a.length)
    .filter((word) => {
      if (all.includes(word)) return false
      all += `${word}\n`
      return true
    })
  return needed.toSorted()
}

function hasWords(searchable: Searchable, words: readonly string[]): boolean {
  if (words.length === 0) return true
  // No word has a line end in it, so none is found in both at once.
  searchable.folded ??= foldCase(`${searchable.entry.title}\n${searchable.entry.rel}`)
  const { folded } = searchable
  return words.every((word) => folded.includes(word))
}

// Upper case between: it makes one of letters that lower case alone keeps apart (ß and ss), and takes the capital ẞ for itself.
// Lower case makes another sigma where a word ends, and a part of a word ends elsewhere.
function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ')
}
