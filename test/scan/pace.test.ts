import t from 'tap'
import { Pace } from '../../src/scan/pace.js'

interface Remote {
  /** Milliseconds to an answer. */
  latency: number
  /** Answers a second that it gives at most, however many are asked for. */
  most: number
}

/** Goes by a pace with a remote that always has more to do; returns how many calls were under way after each answer. */
function go(pace: Pace, answers: number, remote: () => Remote, from = 0): { levels: number[]; ms: number } {
  let now = from
  const levels: number[] = []
  for (let i = 0; i < answers; i++) {
    const { latency, most } = remote()
    now += 1000 / Math.min((1000 / latency) * pace.now, most)
    pace.answered(now, true)
    levels.push(pace.now)
  }
  return { levels, ms: now - from }
}

const average = (levels: number[]) => levels.reduce((sum, level) => sum + level, 0) / levels.length

t.test('a base that answers any number side by side is asked as much as is allowed', async (t) => {
  const { levels, ms } = go(new Pace(32), 5000, () => ({ latency: 16, most: Number.POSITIVE_INFINITY }))
  t.equal(Math.max(...levels), 32)
  t.ok(average(levels) > 28, `${average(levels)} on average`)
  t.ok(ms < ((5000 * 16) / 32) * 1.15, `${ms} ms`)
})

t.test('a base that paces what it is asked is asked no more than it bears, and no slower', async (t) => {
  const { levels, ms } = go(new Pace(32), 5000, () => ({ latency: 42, most: 100 }))
  t.ok(average(levels.slice(500)) < 12, `${average(levels.slice(500))} on average`)
  t.ok(ms < 5000 * 10 * 1.1, `${ms} ms`)
})

t.test('one that slows down is asked less, and more again when it has recovered', async (t) => {
  const pace = new Pace(32)
  go(pace, 1000, () => ({ latency: 16, most: Number.POSITIVE_INFINITY }))
  t.equal(pace.now, 32)
  const slow = go(pace, 1000, () => ({ latency: 16, most: 50 }), 1e6)
  t.ok(average(slow.levels.slice(500)) < 4, `${average(slow.levels.slice(500))} on average`)
  const again = go(pace, 3000, () => ({ latency: 16, most: Number.POSITIVE_INFINITY }), 2e6)
  t.ok(average(again.levels.slice(1500)) > 28, `${average(again.levels.slice(1500))} on average`)
})

t.test('what is not busy says nothing of the pace', async (t) => {
  const pace = new Pace(32)
  for (let i = 0; i < 1000; i++) pace.answered(i * 1000, false)
  t.equal(pace.now, 32)
})

t.test('there are never more than allowed, and always one', async (t) => {
  for (const most of [1, 2, 3, 7]) {
    const { levels } = go(new Pace(most), 1000, () => ({ latency: 1, most: 10 }))
    t.ok(
      levels.every((level) => level >= 1 && level <= most),
      `of ${most}`
    )
  }
  const pace = new Pace(32)
  pace.bound(4)
  t.equal(pace.now, 4)
})
