import type { Changes } from '../schemas/changes.js'
import type { Entry } from '../schemas/entry.js'
import { type Difference, differences } from './differences.js'
import { parseEntry } from './lines.js'
import type { Snapshot } from './manifest.js'
import { compareEntries } from './order.js'
import { inSlices } from './slices.js'

/** So many listings are known at least. */
const LEAST_LISTINGS = 64
/** More of them are, up to so many, while what is kept of them has no more characters than this. */
const MOST_LISTINGS = 1024
const MOST_CHARACTERS = 16 << 20

/** What became of one report between two listings: its lines, undefined where it is in none. */
interface Change {
  before: string | undefined
  after: string | undefined
}

/** What leads from one listing to the next; reports by base and rel. */
interface Step {
  from: string
  changes: Map<string, Change>
  characters: number
}

/** One report that is another one than it was. */
export interface Changed {
  before: Entry | undefined
  after: Entry | undefined
}

/** The last listings of this process, as what changed from each to the next. */
export class History {
  readonly #steps: Step[] = []
  #last: Snapshot | undefined
  #noting: Promise<void> = Promise.resolve()

  /** Takes note of a listing that is served from now on. */
  note(snapshot: Snapshot): void {
    this.#noting = this.#noting.then(() => this.#append(snapshot))
  }

  /**
   * What makes the last listing of an old one.
   * @param since the old one's digest
   * @returns undefined where that is not known any more
   */
  async changesSince(since: string): Promise<Changes | undefined> {
    await this.#settled()
    const to = this.#last?.etag
    const changes = to === undefined ? undefined : this.#between(since, to)
    return to === undefined || !changes ? undefined : await inSlices(describe(since, to, changes))
  }

  /** Every report that is another one in a new listing than in an old one; undefined where one of them is not known. */
  async changed(from: string, to: string): Promise<Changed[] | undefined> {
    await this.#settled()
    const changes = this.#between(from, to)
    return changes && (await inSlices(parse(changes.values())))
  }

  async #settled(): Promise<void> {
    let noting: Promise<void>
    do {
      noting = this.#noting
      await noting
    } while (noting !== this.#noting)
  }

  async #append(snapshot: Snapshot): Promise<void> {
    const from = this.#last
    this.#last = snapshot
    if (!from || from.etag === snapshot.etag) return
    try {
      this.#steps.push(stepFrom(from.etag, await inSlices(differences(from.body, snapshot.body))))
    } catch {
      this.#steps.length = 0 // lines that are no entries: nothing can be said of what was before
    }
    this.#forget()
  }

  #forget(): void {
    let characters = this.#steps.reduce((total, step) => total + step.characters, 0)
    // The last listing is known beside those that steps lead from.
    while (
      this.#steps.length >= MOST_LISTINGS ||
      (this.#steps.length >= LEAST_LISTINGS && characters > MOST_CHARACTERS)
    )
      characters -= this.#steps.shift()?.characters ?? 0
  }

  /** Where a listing comes again, the later one is meant: less has changed since. */
  #between(from: string, to: string): Map<string, Change> | undefined {
    const listings = [...this.#steps.map((step) => step.from), this.#last?.etag]
    const end = listings.lastIndexOf(to)
    const start = end === -1 ? -1 : listings.lastIndexOf(from, end)
    if (start === -1) return undefined
    const all = new Map<string, Change>()
    for (const { changes } of this.#steps.slice(start, end)) {
      for (const [key, { before, after }] of changes) {
        const earlier = all.get(key)
        all.set(key, { before: earlier ? earlier.before : before, after })
      }
    }
    for (const [key, { before, after }] of all) if (before === after) all.delete(key)
    return all
  }
}

function stepFrom(from: string, { gone, come }: Difference): Step {
  const changes = new Map<string, Change>()
  let characters = 0
  for (const { entry, line } of gone) changes.set(keyOf(entry), { before: line, after: undefined })
  for (const { entry, line } of come) {
    const key = keyOf(entry)
    changes.set(key, { before: changes.get(key)?.before, after: line })
  }
  for (const { before = '', after = '' } of changes.values()) characters += before.length + after.length
  return { from, changes, characters }
}

function keyOf({ base, rel }: Pick<Entry, 'base' | 'rel'>): string {
  return `${base}\0${rel}`
}

function* parse(changes: Iterable<Change>): Generator<void, Changed[]> {
  const changed: Changed[] = []
  const entryOf = (line: string | undefined) => (line === undefined ? undefined : parseEntry(line))
  for (const { before, after } of changes) {
    changed.push({ before: entryOf(before), after: entryOf(after) })
    yield
  }
  return changed
}

function* describe(from: string, to: string, changes: Map<string, Change>): Generator<void, Changes> {
  const upserted: Entry[] = []
  const removed: Changes['removed'] = []
  for (const { before, after } of yield* parse(changes.values())) {
    if (after) upserted.push(after)
    else if (before) removed.push({ base: before.base, rel: before.rel })
  }
  yield
  upserted.sort(compareEntries)
  removed.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return { from, to, upserted, removed }
}
