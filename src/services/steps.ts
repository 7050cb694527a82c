import { promisify } from 'node:util'
import { gunzip as gunzipBytes, gzip as gzipBytes } from 'node:zlib'
import type { Entry } from '../schemas/entry.js'
import { type Difference, differences } from './differences.js'
import type { Snapshot } from './manifest.js'
import { inSlices } from './slices.js'

const gzip = promisify(gzipBytes)
const gunzip = promisify(gunzipBytes)

/** What became of one report between two listings: its lines, undefined where it is in none. */
export interface Change {
  before: string | undefined
  after: string | undefined
}

/** Reports by base and rel. */
export type ChangeMap = Map<string, Change>

/** What leads from one listing to the next: what changed, or, where that is much, the whole listing before it. */
export interface Step {
  from: string
  changes?: ChangeMap
  /** Compressed. */
  before?: Buffer
  size: number
}

/** Some of the steps, in a row, and the listing that the last one leads to. */
export interface Way {
  steps: Step[]
  /** Its body; undefined where it is not kept. */
  end: Buffer | undefined
}

/**
 * The step from one listing to the next.
 * @param large characters of changes from which the whole listing is kept instead
 */
export async function stepFrom(from: Snapshot, { gone, come }: Difference, large: number): Promise<Step> {
  const size = [...gone, ...come].reduce((total, { line }) => total + line.length, 0)
  if (size >= large) {
    const before = await gzip(from.body, { level: 3 })
    return { from: from.etag, before, size: before.length }
  }
  const changes = await inSlices(mapOf({ gone, come }))
  return { from: from.etag, changes, size }
}

function* mapOf({ gone, come }: Difference): Generator<void, ChangeMap> {
  const changes: ChangeMap = new Map()
  for (const { entry, line } of gone) {
    changes.set(keyOf(entry), { before: line, after: undefined })
    yield
  }
  for (const { entry, line } of come) {
    const key = keyOf(entry)
    changes.set(key, { before: changes.get(key)?.before, after: line })
    yield
  }
  return changes
}

/** What changed on a way. From the first large step on, the listing before that is compared with the one at the end. */
export async function follow({ steps, end }: Way): Promise<ChangeMap | undefined> {
  const all: ChangeMap = new Map()
  for (const { changes, before } of steps) {
    if (changes) {
      await inSlices(addTo(all, changes))
      continue
    }
    if (!end || !before) return undefined
    const rest = await inSlices(differences(await gunzip(before), end))
    await inSlices(addTo(all, await inSlices(mapOf(rest))))
    break
  }
  await inSlices(dropSame(all))
  return all
}

function* addTo(all: ChangeMap, changes: ChangeMap): Generator<void, void> {
  for (const [key, { before, after }] of changes) {
    const earlier = all.get(key)
    all.set(key, { before: earlier ? earlier.before : before, after })
    yield
  }
}

function* dropSame(all: ChangeMap): Generator<void, void> {
  for (const [key, { before, after }] of all) {
    if (before === after) all.delete(key)
    yield
  }
}

/** What tells one report from all others. */
export function keyOf({ base, rel }: Pick<Entry, 'base' | 'rel'>): string {
  return `${base}\0${rel}`
}
