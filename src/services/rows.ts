import type { Entry } from '../schemas/entry.js'
import { compareEntries, type Position } from './order.js'
import type { Made, Tracked, Trackeds } from './tracked.js'

/** The lines of a listing as the builder holds them: bytes, which are copied from one listing to the next. */
export class Rows {
  readonly #bytes: Buffer
  readonly #starts: Uint32Array

  /**
   * @param bytes in which the lines stand
   * @param starts where each line begins in them, and where the last one ends
   */
  constructor(bytes: Buffer, starts: Uint32Array) {
    this.#bytes = bytes
    this.#starts = starts
  }

  get count(): number {
    return this.#starts.length - 1
  }

  /** The line of a row, without comma and line end. */
  line(row: number): Buffer {
    return this.lines(row, row + 1)
  }

  /** The lines of rows `from` up to `to`, with commas and line ends between them. */
  lines(from: number, to: number): Buffer {
    return this.#bytes.subarray(this.#starts[from], this.#endOf(to - 1))
  }

  /** Where a row's line ends: behind the last there is no comma. */
  #endOf(row: number): number {
    return (this.#starts[row + 1] as number) - (row === this.count - 1 ? 1 : 2)
  }

  /** Where a row stands behind the one where such lines begin, in bytes. */
  offset(row: number, from: number): number {
    return (this.#starts[row] as number) - (this.#starts[from] as number)
  }

  /** Bytes of a row's line. */
  lengthOf(row: number): number {
    return this.#endOf(row) - (this.#starts[row] as number)
  }

  entry(row: number): Entry {
    return JSON.parse(this.line(row).toString('utf8'))
  }

  /** The line of a report, wherever it stands. */
  lineOf({ made, row }: Tracked): string {
    return made?.line ?? this.line(row).toString('utf8')
  }
}

export const noRows = new Rows(Buffer.alloc(0), new Uint32Array(1))

/** Reports that were laid out in this order stand in rows from now on. */
export function settle(reports: readonly Tracked[]): void {
  for (const [row, tracked] of reports.entries()) {
    tracked.made = undefined
    tracked.row = row
  }
}

/**
 * All reports in the listing's order. What stands in `before` is in order there, so only what is new has to be sorted in.
 * @param before the listing whose rows some of them are
 */
export function arrange(before: Rows, bases: Iterable<{ entries: Trackeds }>): Tracked[] {
  const kept: (Tracked | undefined)[] = Array.from({ length: before.count })
  const loose: Loose[] = []
  for (const { entries } of bases) {
    for (const tracked of entries.values()) {
      if (isLoose(tracked)) loose.push(tracked)
      else kept[tracked.row] = tracked
    }
  }
  loose.sort((a, b) => compareEntries(a.made, b.made))
  const all: Tracked[] = []
  let row = 0
  const keepTo = (end: number) => {
    for (; row < end; row++) {
      const tracked = kept[row]
      if (tracked) all.push(tracked)
    }
  }
  for (const tracked of loose) {
    keepTo(rowBehind(before, row, tracked.made))
    all.push(tracked)
  }
  keepTo(before.count)
  return all
}

type Loose = Tracked & { made: Made }

function isLoose(tracked: Tracked): tracked is Loose {
  return tracked.made !== undefined
}

/** The first row from `from` on that comes behind a position: by steps that grow, then by halves. */
function rowBehind(rows: Rows, from: number, position: Position): number {
  const isBehind = (row: number) => compareEntries(rows.entry(row), position) > 0
  let low = from
  let high = from
  for (let step = 1; high < rows.count && !isBehind(high); step *= 2) {
    low = high + 1
    high = Math.min(rows.count, high + step)
  }
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBehind(middle)) high = middle
    else low = middle + 1
  }
  return low
}
