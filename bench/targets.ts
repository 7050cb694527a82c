export interface Target {
  must: string
  goal: string
}

const row = (must: string, goal: string): Target => ({ must, goal })
const each = (entries: Record<number, Target>) => (count: number) => entries[count]

/**
 * What ratios are wanted, each beside the anchor of its table, by the number of reports; "must" fails the project, "goal" is
 * what it aims at.
 */
export const targets = {
  fullBuild: each({ 10_000: row('≤ 16', '≤ 8'), 100_000: row('≤ 12', '≤ 5') }),
  fullBuildCold: each({ 10_000: row('≤ 2.5', '≤ 1.4') }),
  fullBuildSmall: each({ 340: row('≤ 3', '≤ 2') }),
  peak: each({ 100_000: row('≤ 7', '≤ 4') }),
  buildUnchanged: each({ 100_000: row('≤ 9', '≤ 5') }),
  refresh: each({ 10_000: row('≤ 4', '≤ 1.2'), 100_000: row('≤ 4', '≤ 1.2') }),
  start: each({ 340: row('≤ 1.6', '≤ 1.0'), 100_000: row('≤ 2.5', '≤ 1.5') }),
  memory: each({ 100_000: row('≤ 4', '≤ 2') }),
  swap: row('≤ 5', '≤ 2'),
  hang: row('≤ 2; no failure', '≤ 1.1; no failure'),
  slowFirst: row('≤ 0.35', '≤ 0.24'),
  slowFirstUnpaced: row('≤ 0.10', '≤ 0.03'),
  slowRefresh: row('≤ 0.6', '≤ 0.28'),
  slowRefreshUnpaced: row('≤ 0.10', '≤ 0.03'),
  million: row('≤ 1.2', '≤ 1.0')
}

/** One named path: bounds that grow with the anchor, and the milliseconds that makes with this anchor. */
export function onePath(anchorMs: number): Target {
  const told = (times: number, more: number) =>
    `≤ ${times} × + ${more} ms = ${(times * anchorMs + more).toFixed(1)} ms`
  return row(told(8, 10), told(2.5, 3))
}

interface AnswerTarget {
  rate?: Target
  cpu?: Target
}

/** Of answers under load: requests a second and CPU a request, both beside the bare route. */
export function answerTarget(answer: string, count: number): AnswerTarget {
  if (answer === '304') return { rate: row('≥ 0.65', '≥ 0.85'), cpu: row('≤ 1.6', '≤ 1.15') }
  if (answer === '200 identity' && count === 303)
    return { rate: row('≥ 0.70', '≥ 0.90'), cpu: row('≤ 1.5', '≤ 1.1') }
  if (answer === '200 gzip' && count === 10_000) return { rate: row('≥ 0.80', '≥ 0.95') }
  return {}
}

/** How many requests are to be answered for one of the usual way. */
export const NAIVE = row('≥ 8', '≥ 14')
