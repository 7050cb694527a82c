import type { Entry } from '../schemas/entry.js'
import { DAY_PX, REPORT_PX } from './rows.js'

/** Where each report of a list stands, in pixels: one below the other, the first of a day with its heading above. */
export class Layout {
  readonly count: number
  /** Where each row begins, and where the last one ends. */
  readonly #tops: Float64Array
  /** Reports of the day that begins with a row; 0 where none does. */
  readonly #ofDay: Uint32Array

  constructor(entries: readonly Entry[]) {
    this.count = entries.length
    this.#tops = new Float64Array(this.count + 1)
    this.#ofDay = new Uint32Array(this.count)
    let [top, first, day] = [0, 0, '']
    for (const [i, entry] of entries.entries()) {
      const own = entry.date.slice(0, 10)
      this.#tops[i] = top
      if (own !== day) {
        day = own
        first = i
        top += DAY_PX
      }
      this.#ofDay[first] = this.ofDay(first) + 1
      top += REPORT_PX
    }
    this.#tops[this.count] = top
  }

  get height(): number {
    return this.top(this.count)
  }

  /** Where a row begins, its heading included. */
  top(index: number): number {
    return this.#tops[index] ?? 0
  }

  /** Where the report of a row begins. */
  reportTop(index: number): number {
    return this.top(index) + (this.ofDay(index) > 0 ? DAY_PX : 0)
  }

  /** Reports of the day that begins with a row; 0 where none does. */
  ofDay(index: number): number {
    return this.#ofDay[index] ?? 0
  }

  /** The row at a height. */
  rowAt(y: number): number {
    let [low, high] = [0, this.count]
    while (low < high - 1) {
      const middle = (low + high) >> 1
      if (this.top(middle) <= y) low = middle
      else high = middle
    }
    return low
  }
}
