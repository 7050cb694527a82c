import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'

const isFull = process.env['DOSE'] === 'full'

/** So many rounds: few every day, all of them in `npm run test:full`. */
export function dose(daily: number, full: number): number {
  return isFull ? full : daily
}

/** Makes up the rounds of a test, the same ones for the same `SEED`; says how they can be had again. */
export function rounds<T>(t: Test, arbitrary: fc.Arbitrary<T>, count: number): T[] {
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31))
  t.comment(`${count} rounds; again with SEED=${seed}${isFull ? ' DOSE=full' : ''}`)
  return fc.sample(arbitrary, { seed, numRuns: count })
}
