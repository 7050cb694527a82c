import { LRUCache } from 'lru-cache'
import type { ListingQuery } from '../schemas/listing.js'
import { Answer } from './answer.js'
import { type Cursor, decodeCursor, encodeCursor, filterMark } from './cursor.js'
import { type Entries, parseEntries } from './entries.js'
import { BadCursor, Busy, CursorGone, NoListing } from './errors.js'
import { digestWithPauses } from './etag.js'
import { type Asker, anyone, FairQueue } from './fair-queue.js'
import type { History } from './history.js'
import { CLOSE_LISTING, openListing } from './lines.js'
import { filterKey, matcher, type Searchable } from './listing.js'
import type { Snapshot } from './manifest.js'
import { compareEntries, type Position } from './order.js'
import { pageOf } from './plain-page.js'
import { inSlices } from './slices.js'

/** Answers to queries are kept for a listing up to so many bytes, with their codings and their questions. */
const MOST_KEPT = 32 << 20
const MOST_ANSWERS = 1000
/** So many answers are made at once, and so many wait. */
const AT_ONCE = 4
const MAX_WAITING = 250

/** An answer that is made for all who ask for it meanwhile. */
interface Making {
  answer: Promise<Answer>
  /** How many still wait. */
  waiting: number
  /** Ends it when nobody does. */
  over: AbortController
}

/** What is made of one listing, once, when it is first filtered. */
interface Shelf {
  whole: Answer
  entries?: Promise<Entries>
  searchables: Searchable[]
  answers: LRUCache<string, Answer>
  making: Map<string, Making>
}

/** Parts of a listing: what a filter lets through, page by page. */
export class Pages {
  readonly #history: Pick<History, 'changed'>
  readonly #shelves = new WeakMap<Snapshot, Shelf>()
  readonly #inTurn = new FairQueue({
    atOnce: AT_ONCE,
    maxWaiting: MAX_WAITING,
    what: 'questions of the listing'
  })

  constructor(history: Pick<History, 'changed'>) {
    this.#history = history
  }

  /** The listing, whole. */
  whole(snapshot: Snapshot): Answer {
    return this.#shelf(snapshot).whole
  }

  /**
   * The part of a listing that is asked for. The same question of the same listing is answered with the same bytes.
   * @throws BadCursor; CursorGone where a page could skip something; NoListing where the manifest holds no entries; Busy
   *   where too much waits, or who asked has gone
   */
  async part(
    snapshot: Snapshot,
    { limit, cursor, ...filter }: ListingQuery,
    who: () => Asker = anyone
  ): Promise<Answer> {
    const shelf = this.#shelf(snapshot)
    const key = filterKey(filter)
    if (key === undefined && limit === undefined && cursor === undefined) return shelf.whole
    const from = cursor === undefined ? undefined : readCursor(cursor, filterMark(key))
    const question = JSON.stringify([key, limit, cursor])
    const known = shelf.answers.get(question)
    if (known) return known
    // Whether a client has gone is watched only where there is something to be made: that costs more than a known answer.
    const asker = who()
    let making = shelf.making.get(question)
    if (!making || making.over.signal.aborted) {
      const over = new AbortController()
      const mark = filterMark(key)
      const make = () => this.#make(snapshot, shelf, { filter, limit, from, mark, signal: over.signal })
      making = { answer: this.#inTurn.run({ ...asker, signal: over.signal }, make), waiting: 0, over }
      this.#note(shelf, question, making)
    }
    return await wait(making, asker.signal)
  }

  #note(shelf: Shelf, question: string, making: Making): void {
    shelf.making.set(question, making)
    const forget = () => {
      if (shelf.making.get(question) === making) shelf.making.delete(question)
    }
    const keep = (answer: Answer) => void shelf.answers.set(question, answer)
    making.answer.then(keep, () => {}).finally(forget)
  }

  #shelf(snapshot: Snapshot): Shelf {
    let shelf = this.#shelves.get(snapshot)
    if (!shelf) {
      shelf = {
        whole: new Answer(snapshot.body, snapshot.etag),
        searchables: [],
        answers: new LRUCache({
          max: MOST_ANSWERS,
          maxSize: MOST_KEPT,
          sizeCalculation: ({ body }, question) => Math.round(body.length * 1.4) + question.length * 2 + 1024
        }),
        making: new Map()
      }
      this.#shelves.set(snapshot, shelf)
    }
    return shelf
  }

  async #make(
    snapshot: Snapshot,
    shelf: Shelf,
    { filter, limit, from, mark, signal }: Question
  ): Promise<Answer> {
    if (from && from.etag !== snapshot.etag) await this.#checkMoves(from, snapshot.etag, filter)
    if (limit !== undefined && filterKey(filter) === undefined)
      return pageOf(snapshot, limit, from?.after, mark)
    shelf.entries ??= parseEntries(snapshot).catch((cause: Error) => {
      throw new NoListing('the manifest holds what is no entry', { cause })
    })
    const entries = await shelf.entries
    const { searchables } = shelf
    const places = await inSlices(findPlaces(entries, searchables, filter), signal)
    const start = from === undefined ? 0 : behind(entries, places, from.after)
    const end = Math.min(places.length, start + (limit ?? places.length))
    const last = entries.all[places[end - 1] as number]
    const next =
      end < places.length && last
        ? encodeCursor({ etag: snapshot.etag, filter: mark, after: last })
        : undefined
    return await inSlices(write(entries, places.slice(start, end), places.length, next), signal)
  }

  /** Whether what was still to come when a page ended has gone to where it was already. */
  async #checkMoves({ etag, after }: Cursor, to: string, filter: ListingQuery): Promise<void> {
    const changed = await this.#history.changed(etag, to)
    if (!changed) throw new CursorGone('and this process does not know how')
    const matches = matcher(filter)
    const isSkipped = changed.some(
      ({ before, after: now }) =>
        before &&
        now &&
        compareEntries(before, after) > 0 &&
        compareEntries(now, after) <= 0 &&
        matches({ entry: before }) &&
        matches({ entry: now })
    )
    if (isSkipped) throw new CursorGone('and reports have moved past the place where it ended')
  }
}

/** What is asked of a listing. */
interface Question {
  filter: ListingQuery
  limit: number | undefined
  from: Cursor | undefined
  /** Of the filter. */
  mark: string
  /** Nobody wants the answer any more. */
  signal: AbortSignal
}

/** @throws Busy when who asked has gone */
async function wait(making: Making, signal: AbortSignal): Promise<Answer> {
  making.waiting++
  let leave = () => {}
  const gone = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new Busy('who asked has gone'))
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
  })
  try {
    return await Promise.race([making.answer, gone])
  } finally {
    signal.removeEventListener('abort', leave)
    if (--making.waiting === 0) making.over.abort(new Busy('nobody waits'))
  }
}

function readCursor(text: string, mark: string): Cursor {
  const cursor = decodeCursor(text)
  if (!cursor) throw new BadCursor('is not one of this service')
  if (cursor.filter !== mark) throw new BadCursor('comes from another filter')
  return cursor
}

/** Which entries a filter lets through. */
function* findPlaces(
  { all }: Entries,
  searchables: Searchable[],
  filter: ListingQuery
): Generator<void, number[]> {
  const matches = matcher(filter)
  const places: number[] = []
  for (const [i, entry] of all.entries()) {
    searchables[i] ??= { entry }
    if (matches(searchables[i])) places.push(i)
    if (i % 64 === 0) yield
  }
  return places
}

/** The first of some places that stands behind a position in the listing's order. */
function behind({ all }: Entries, places: readonly number[], after: Position): number {
  // The entry itself is looked for first: a manifest of another program may have an order of its own.
  const same = places.findIndex((place) => compareEntries(all[place] as Position, after) === 0)
  if (same !== -1) return same + 1
  const first = places.findIndex((place) => compareEntries(all[place] as Position, after) > 0)
  return first === -1 ? places.length : first
}

/** The answer with some entries, in the listing's own layout. */
function* write(
  entries: Entries,
  places: readonly number[],
  total: number,
  next: string | undefined
): Generator<void, Answer> {
  const parts: Buffer[] = [Buffer.from(openListing(total, places.length, next))]
  const comma = Buffer.from(',\n')
  for (let i = 0; i < places.length; ) {
    let run = 1
    while (places[i + run] === (places[i] as number) + run) run++
    if (i > 0) parts.push(comma)
    parts.push(entries.lines(places[i] as number, (places[i] as number) + run))
    i += run
    yield
  }
  parts.push(Buffer.from(places.length > 0 ? `\n${CLOSE_LISTING}` : CLOSE_LISTING))
  const body = Buffer.concat(parts)
  return new Answer(body, yield* digestWithPauses(body))
}
