import type { Entry } from '../schemas/entry.js'
import { entryBytes, firstLine, lineEnd, parseEntry } from './lines.js'
import type { Snapshot } from './manifest.js'
import { inSlices } from './slices.js'

/** A listing, entry by entry, in its order. */
export interface Entries {
  /** Parsed. */
  all: readonly Entry[]
  /** The bytes of entries `from` up to `to`, as they stand in the listing, commas between them. */
  lines(from: number, to: number): Buffer
}

/**
 * Parses a listing without keeping others waiting.
 * @throws where a line is no entry
 */
export function parseEntries(snapshot: Pick<Snapshot, 'body' | 'count'>): Promise<Entries> {
  return inSlices(parse(snapshot))
}

function* parse({ body, count }: Pick<Snapshot, 'body' | 'count'>): Generator<void, Entries> {
  /** Where entry `i` begins, and where the line of the last one ends. */
  const starts = new Uint32Array(count + 1)
  const all: Entry[] = []
  starts[0] = firstLine(body)
  for (let i = 0; i < count; i++) {
    const [start, end] = [starts[i] as number, lineEnd(body, starts[i] as number)]
    starts[i + 1] = end
    all.push(parseEntry(entryBytes(body, start, end).toString('utf8')))
    yield
  }
  const lines = (from: number, to: number) => entryBytes(body, starts[from] as number, starts[to] as number)
  return { all, lines }
}
