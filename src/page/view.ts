import type { Entry } from '../schemas/entry.js'
import { matcher, type Searchable } from '../services/listing.js'
import type { Filters } from './filters.js'

/** Entries that a filter lets through, and how many there would be without a part of it. */
export interface View {
  shown: Entry[]
  /** By base, whatever bases are chosen. */
  bases: Map<string, number>
  /** By type, whatever types are chosen. */
  types: Map<string, number>
  /** By day, whatever days are chosen. */
  days: Map<string, number>
}

const searchables = new WeakMap<Entry, Searchable>()

function searchable(entry: Entry): Searchable {
  let known = searchables.get(entry)
  if (!known) {
    known = { entry }
    searchables.set(entry, known)
  }
  return known
}

/** What is to be seen of a listing. */
export function viewOf(reports: readonly Entry[], { q, base, type, from, to }: Filters): View {
  const view: View = { shown: [], bases: new Map(), types: new Map(), days: new Map() }
  const hasWords = matcher({ q })
  const isAsked = (chosen: ReadonlySet<string>, name: string) => chosen.size === 0 || chosen.has(name)
  const [chosenBases, chosenTypes] = [new Set(base), new Set(type)]
  for (const entry of reports) {
    if (q !== '' && !hasWords(searchable(entry))) {
      // Told all the same, so that a choice does not go away while it is made.
      seen(view.bases, entry.base, 0)
      seen(view.types, entry.type, 0)
      continue
    }
    const day = entry.date.slice(0, 10)
    const inDays = (from === '' || day >= from) && (to === '' || day <= to)
    const inBases = isAsked(chosenBases, entry.base)
    const inTypes = isAsked(chosenTypes, entry.type)
    seen(view.bases, entry.base, inDays && inTypes ? 1 : 0)
    seen(view.types, entry.type, inDays && inBases ? 1 : 0)
    if (inBases && inTypes) seen(view.days, day, 1)
    if (inDays && inBases && inTypes) view.shown.push(entry)
  }
  return view
}

function seen(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more)
}

/** Folds what is searched in ahead of the first search, while nothing else is to do. */
export function prepareSearch(reports: readonly Entry[]): void {
  const hasWord = matcher({ q: '\u0000' })
  let at = 0
  const work = (left?: IdleDeadline) => {
    while (at < reports.length && (left?.timeRemaining() ?? 0) > 1)
      for (const end = Math.min(at + 200, reports.length); at < end; at++)
        hasWord(searchable(reports[at] as Entry))
    if (at < reports.length) requestIdleCallback(work)
  }
  if ('requestIdleCallback' in globalThis) requestIdleCallback(work)
}
