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
    const name = { where, base: textOf(entry.base), rel: textOf(entry.rel) }
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
  return `${textOf(base)}\0${textOf(rel)}`
}

/** What ought to be a text, and may be anything. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
}

function nameOf({ where, base, rel, kind, field = '' }: Difference): string {
  return [where, base, rel, kind, field].join('\0')
}

/** What two looks have both seen: what was written between them is no difference. */
export function inBoth(first: readonly Difference[], second: readonly Difference[]): Difference[] {
  const names = new Set(first.map(nameOf))
  return second.filter((each) => names.has(nameOf(each)))
}

/** Where the counts that stand in a manifest's head are not those of its entries. */
export function headDifferencesOf(
  bases: readonly { name: string; count: number }[],
  entries: readonly unknown[]
): Difference[] {
  const counts = countsOf([], entries)
  const told = new Map(bases.map(({ name, count }) => [name, count]))
  return [...new Set([...told.keys(), ...counts.keys()])]
    .map((base) => ({ base, onDisk: counts.get(base) ?? 0, found: told.get(base) ?? 0 }))
    .filter(({ onDisk, found }) => onDisk !== found)
    .map((counted) => ({ where: 'manifest', rel: '', kind: 'count', ...counted }))
}

/** The number of entries of each base. */
export function countsOf(names: readonly string[], entries: readonly unknown[]): Map<string, number> {
  const counts = new Map(names.map((name) => [name, 0]))
  for (const entry of entries) {
    const base = textOf((entry as Found | null)?.base)
    counts.set(base, (counts.get(base) ?? 0) + 1)
  }
  return counts
}
