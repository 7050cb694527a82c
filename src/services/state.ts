import type { Warning } from '../schemas/entry.js'
import { type Held, NO_STAMP, type Tracked } from './tracked.js'

/** What the manifest keeps of a report beside its line. */
export type Kept = Pick<Tracked, 'stamp' | 'recheck' | 'warnings' | 'held'>

/** Numbers of a row: size (less than 0 where it is to be read again: -1 - size), mtime, ctime, inode. */
const WIDTH = 4

/** Told of a row: what its warnings do not share with it. */
type Told = [row: number, warnings: Omit<Warning, 'base' | 'rel'>[]]

/** Rows one behind the other that are held alike. */
type HeldRun = [row: number, rows: number, since: number, until: Held['until']]

/**
 * Lays out what is kept of reports, row by row: their numbers as 64-bit floats, little-endian, in base64; the warnings of
 * those that have any; and runs of those that are held.
 */
export function encodeState(reports: readonly Tracked[]): string {
  const numbers = new Float64Array(reports.length * WIDTH)
  const told: Told[] = []
  for (let row = 0; row < reports.length; row++) {
    const { stamp, recheck, warnings } = reports[row] as Tracked
    const at = row * WIDTH
    numbers[at] = recheck ? -1 - stamp.size : stamp.size
    numbers[at + 1] = stamp.mtime
    numbers[at + 2] = stamp.ctime
    numbers[at + 3] = stamp.ino
    if (warnings.length > 0)
      told.push([row, warnings.map(({ base: _base, rel: _rel, ...warning }) => warning)])
  }
  const bytes = Buffer.from(numbers.buffer).toString('base64')
  return layoutState(bytes, JSON.stringify(told), JSON.stringify(heldRuns(reports)))
}

/** The state as it stands in the file; its parts as JSON, but the stamps. */
export function layoutState(stamps: string, warnings: string, held: string): string {
  return `${OPEN}${stamps}${MIDDLE}${warnings}${HELD}${held}${CLOSE}`
}

function heldRuns(reports: readonly Tracked[]): HeldRun[] {
  const runs: HeldRun[] = []
  for (const [row, { held }] of reports.entries()) {
    if (!held) continue
    const last = runs.at(-1)
    const goesOn =
      last && last[0] + last[1] === row && last[2] === held.since && last[3] === held.until ? last : undefined
    if (goesOn) goesOn[1]++
    else runs.push([row, 1, held.since, held.until])
  }
  return runs
}

const OPEN = '"stamps":"'
const MIDDLE = '",\n"warnings":'
const HELD = ',\n"held":'
const CLOSE = ',\n'

/** Reads what encodeState laid out; a row that it says nothing of has no known stamp. */
export function decodeState(state: Buffer): (row: number) => Kept {
  const middle = Math.max(OPEN.length, state.indexOf(MIDDLE))
  const end = Math.max(middle + MIDDLE.length, state.indexOf(HELD, middle))
  const bytes = Buffer.from(state.toString('latin1', OPEN.length, middle), 'base64')
  const numbers = new Float64Array(bytes.length >> 3)
  Buffer.from(numbers.buffer).set(bytes.subarray(0, numbers.byteLength))
  const told = state.toString('utf8', middle + MIDDLE.length, end)
  const warnings = new Map<number, Kept['warnings']>(told === '' ? [] : JSON.parse(told))
  const runs = state.toString('utf8', end + HELD.length, state.length - CLOSE.length)
  const held = heldRows(runs === '' ? [] : JSON.parse(runs))
  return (row) => {
    const at = row * WIDTH
    if (at + WIDTH > numbers.length)
      return { stamp: NO_STAMP, recheck: true, warnings: [], held: held.get(row) }
    const size = numbers[at] as number
    const recheck = size < 0
    const stamp = {
      size: recheck ? -1 - size : size,
      mtime: numbers[at + 1] as number,
      ctime: numbers[at + 2] as number,
      ino: numbers[at + 3] as number
    }
    return { stamp, recheck, warnings: warnings.get(row) ?? [], held: held.get(row) }
  }
}

function heldRows(runs: readonly HeldRun[]): Map<number, Held> {
  const rows = new Map<number, Held>()
  for (const [from, count, since, until] of runs) {
    const held: Held = { since, until }
    for (let row = from; row < from + count; row++) rows.set(row, held)
  }
  return rows
}
