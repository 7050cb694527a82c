import type { Warning } from '../schemas/entry.js'
import { NO_STAMP, type Tracked } from './tracked.js'

/** What the manifest keeps of a report beside its line. */
export type Kept = Pick<Tracked, 'stamp' | 'recheck' | 'warnings'>

/** Numbers of a row: size (less than 0 where it is to be read again: -1 - size), mtime, ctime, inode. */
const WIDTH = 4

/** Told of a row: what its warnings do not share with it. */
type Told = [row: number, warnings: Omit<Warning, 'base' | 'rel'>[]]

/**
 * Lays out what is kept of reports, row by row: their numbers as 64-bit floats, little-endian, in base64, and the warnings
 * of those that have any.
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
  return `"stamps":"${bytes}",\n"warnings":${JSON.stringify(told)},\n`
}

const OPEN = '"stamps":"'
const MIDDLE = '",\n"warnings":'
const CLOSE = ',\n'

/** Reads what encodeState laid out; a row that it says nothing of is known by no stamp. */
export function decodeState(state: Buffer): (row: number) => Kept {
  const middle = Math.max(OPEN.length, state.indexOf(MIDDLE))
  const bytes = Buffer.from(state.toString('latin1', OPEN.length, middle), 'base64')
  const numbers = new Float64Array(bytes.length >> 3)
  Buffer.from(numbers.buffer).set(bytes.subarray(0, numbers.byteLength))
  const told = state.toString('utf8', middle + MIDDLE.length, state.length - CLOSE.length)
  const warnings = new Map<number, Kept['warnings']>(told === '' ? [] : JSON.parse(told))
  return (row) => {
    const at = row * WIDTH
    if (at + WIDTH > numbers.length) return { stamp: NO_STAMP, recheck: true, warnings: [] }
    const size = numbers[at] as number
    const recheck = size < 0
    const stamp = {
      size: recheck ? -1 - size : size,
      mtime: numbers[at + 1] as number,
      ctime: numbers[at + 2] as number,
      ino: numbers[at + 3] as number
    }
    return { stamp, recheck, warnings: warnings.get(row) ?? [] }
  }
}
