import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import { isBelowAny } from './losses.js'

/** What a scan could not look at, so that nothing can be said of it. */
export interface BlindSpots {
  /** Bases that were not looked at, or that a listing holds and the settings do not. */
  bases: ReadonlySet<string>
  /** Files and folders that could not be read, by base. */
  places: ReadonlyMap<string, ReadonlySet<string>>
}

/** @param seen listings that are compared with what is on disk */
export function blindSpotsOf(
  { bases, warnings }: { bases: readonly BaseStatus[]; warnings: readonly Warning[] },
  seen: readonly ({ reports?: readonly unknown[] } | undefined)[]
): BlindSpots {
  const looked = new Set(bases.filter(({ status }) => status === 'ok').map(({ name }) => name))
  const listed = seen.flatMap((each) => each?.reports ?? []).map(baseOf)
  const all = [...bases.map(({ name }) => name), ...listed.filter((name) => name !== undefined)]
  const places = new Map<string, Set<string>>()
  for (const { code, base, rel } of warnings)
    if (code === 'unreadable') places.set(base, (places.get(base) ?? new Set()).add(rel))
  return { bases: new Set(all.filter((name) => !looked.has(name))), places }
}

function baseOf(entry: unknown): string | undefined {
  const { base } = (entry ?? {}) as { base?: unknown }
  return typeof base === 'string' ? base : undefined
}

/** Whether all was looked at. */
export function isSighted({ bases, places }: BlindSpots): boolean {
  return bases.size + places.size === 0
}

/** Whether a report lies where nothing was looked at. */
export function isBlindTo(
  { bases, places }: BlindSpots,
  { base, rel }: { base: string; rel: string }
): boolean {
  return bases.has(base) || isBelowAny(rel, places.get(base) ?? new Set())
}

/** What was not looked at, for a person. */
export function blindSentence({ bases, places }: BlindSpots): string {
  const count = [...places.values()].reduce((sum, { size }) => sum + size, 0)
  const named = bases.size === 0 ? [] : [`${counted(bases.size, 'base')} (${[...bases].join(', ')})`]
  const read = count === 0 ? [] : [counted(count, 'file or folder', 'files or folders')]
  return `${[...named, ...read].join(' and ')} could not be looked at`
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
