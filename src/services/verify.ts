import type { Entry } from '../schemas/entry.js'
import type { Difference } from '../schemas/verify.js'
import { compareEntries } from './order.js'

const FIELDS = ['title', 'date', 'type', 'mtime', 'size'] as const

/** An entry of a listing that may be anybody's. */
type Found = Partial<Record<keyof Entry, unknown>>

/**
 * How a listing differs from the one on disk: in reports, in any field, and in order.
 * @param onDisk the entries of a scan; their order here does not count
 * @param found in the order in which they stand there
 */
export function differencesOf(
  where: Difference['where'],
  onDisk: readonly Entry[],
  found: readonly unknown[]
): Difference[] {
  const right = onDisk.toSorted(compareEntries)
  const expected = new Map(right.map((entry) => [keyOf(entry), entry]))
  const seen = new Set<string>()
  const differences: Difference[] = []
  for (const each of found) {
    const entry = (typeof each === 'object' && each !== null ? each : {}) as Found
    const key = keyOf(entry)
    const name = { where, base: String(entry.base), rel: String(entry.rel) }
    const known = expected.get(key)
    if (!known || seen.has(key)) differences.push({ ...name, kind: 'extra' })
    else differences.push(...fieldsOf(name, known, entry))
    seen.add(key)
  }
  for (const [key, { base, rel }] of expected)
    if (!seen.has(key)) differences.push({ where, base, rel, kind: 'missing' })
  return [...differences, ...orderOf(where, right, found as readonly Found[], seen)]
}

function fieldsOf(
  name: Pick<Difference, 'where' | 'base' | 'rel'>,
  known: Entry,
  entry: Found
): Difference[] {
  return FIELDS.filter((field) => known[field] !== entry[field]).map((field) => ({
    ...name,
    kind: 'field',
    field,
    onDisk: known[field],
    found: entry[field] ?? null
  }))
}

/** The first place where another report stands than the one that belongs there; reports that only one of them has aside. */
function orderOf(
  where: Difference['where'],
  right: readonly Entry[],
  found: readonly Found[],
  seen: ReadonlySet<string>
): Difference[] {
  const both = right.map(keyOf).filter((key) => seen.has(key))
  const isExpected = new Set(both)
  const stands = [...new Set(found.map((entry) => keyOf(entry ?? {})))].filter((key) => isExpected.has(key))
  const place = stands.findIndex((key, i) => key !== both[i])
  if (place === -1) return []
  const [base = '', rel = ''] = (stands[place] as string).split('\0')
  return [{ where, base, rel, kind: 'order', onDisk: (both[place] as string).replace('\0', '/') }]
}

function keyOf({ base, rel }: Found): string {
  return `${String(base)}\0${String(rel)}`
}

/** The number of entries of each base. */
export function countsOf(names: readonly string[], entries: readonly unknown[]): Map<string, number> {
  const counts = new Map(names.map((name) => [name, 0]))
  for (const entry of entries) {
    const base = String((entry as Found | null)?.base)
    counts.set(base, (counts.get(base) ?? 0) + 1)
  }
  return counts
}
