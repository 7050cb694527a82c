import type { Changes } from '../schemas/changes.js'
import type { Entry } from '../schemas/entry.js'
import { differences } from './differences.js'
import { parseEntry } from './lines.js'
import type { Snapshot } from './manifest.js'
import { compareEntries } from './order.js'
import { inSlices } from './slices.js'
import { type Change, type ChangeMap, follow, keyOf, type Step, stepFrom, type Way } from './steps.js'

/** So many listings are known at least. */
const LEAST_LISTINGS = 64
/** More of them are, up to so many, while what is kept of them is no more than this, in bytes or characters. */
const MOST_LISTINGS = 1024
const MOST_KEPT = 16 << 20
/** From so many characters on, a step is not kept as its lines, but as the listing before it, compressed. */
const LARGE_STEP = 256 << 10

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
  readonly #largeStep: number

  /** @param largeStep characters of changes from which the whole listing is kept instead */
  constructor(largeStep = LARGE_STEP) {
    this.#largeStep = largeStep
  }

  /** Takes note of a listing that is served from now on. */
  note(snapshot: Snapshot): void {
    this.#noting = this.#noting.then(() => this.#append(snapshot))
  }

  /** The digest of the last listing, once all of them are taken note of. */
  async latest(): Promise<string | undefined> {
    let noting: Promise<void>
    do {
      noting = this.#noting
      await noting
    } while (noting !== this.#noting)
    return this.#last?.etag
  }

  /**
   * What makes the last listing of an old one.
   * @param since the old one's digest
   * @returns undefined where that is not known any more
   */
  async changesSince(since: string): Promise<Changes | undefined> {
    const to = await this.latest()
    const way = to === undefined ? undefined : this.#way(since, to)
    const changes = way && (await follow(way))
    return to === undefined || !changes ? undefined : await inSlices(describe(since, to, changes))
  }

  /** Every report that is another one in a new listing than in an old one; undefined where that is not known. */
  async changed(from: string, to: string): Promise<Changed[] | undefined> {
    await this.latest()
    const way = this.#way(from, to)
    const changes = way && (await follow(way))
    return changes && (await inSlices(parse(changes.values())))
  }

  async #append(snapshot: Snapshot): Promise<void> {
    const from = this.#last
    if (!from || from.etag === snapshot.etag) {
      this.#last = snapshot
      return
    }
    try {
      this.#steps.push(
        await stepFrom(from, await inSlices(differences(from.body, snapshot.body)), this.#largeStep)
      )
    } catch {
      this.#steps.length = 0 // lines that are no entries: nothing can be said of what was before
    }
    this.#last = snapshot
    this.#forget()
  }

  #forget(): void {
    let kept = this.#steps.reduce((total, { size }) => total + size, 0)
    // The last listing is known beside those that steps lead from.
    while (this.#steps.length >= MOST_LISTINGS || (this.#steps.length >= LEAST_LISTINGS && kept > MOST_KEPT))
      kept -= this.#steps.shift()?.size ?? 0
  }

  /** Where a listing comes again, the later one is meant: less has changed since. */
  #way(from: string, to: string): Way | undefined {
    const listings = [...this.#steps.map((step) => step.from), this.#last?.etag]
    const end = listings.lastIndexOf(to)
    const start = end === -1 ? -1 : listings.lastIndexOf(from, end)
    if (start === -1) return undefined
    const isLast = end === this.#steps.length
    return { steps: this.#steps.slice(start, end), end: isLast ? this.#last?.body : undefined }
  }
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

function* describe(from: string, to: string, changes: ChangeMap): Generator<void, Changes> {
  const upserted: Entry[] = []
  const removed: Changes['removed'] = []
  for (const { before, after } of yield* parse(changes.values())) {
    if (after) upserted.push(after)
    else if (before) removed.push({ base: before.base, rel: before.rel })
  }
  yield
  upserted.sort(compareEntries)
  yield
  removed.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return { from, to, upserted, removed }
}
