/** A stretch of days that one bar of the chart stands for; both days are in it. */
export interface Period {
  from: string
  to: string
  count: number
}

const DAY_MS = 86_400_000
const MOST_BARS = 90
/** The first and the last day that a report can have. */
const [FIRST, LAST] = [numberOf('0001-01-01'), numberOf('9999-12-31')]
/** What so few reports stand apart by is not shown: one wrong date would squeeze all others into one bar. */
const APART = 0.005

/** How long a bar may be, in days; months and years are counted as they come. */
const LENGTHS = [1, 7, 31, 92, 366] as const

/** The numbers of reports by day, as bars of equal length, at most so many as can be told apart. */
export function periodsOf(days: ReadonlyMap<string, number>): Period[] {
  const [first, last] = within(days)
  if (first === undefined || last === undefined) return []
  const length =
    LENGTHS.find((each) => (last - first) / each < MOST_BARS) ?? Math.ceil((last - first + 1) / MOST_BARS)
  const startOf = starter(length)
  const periods: Period[] = []
  for (let start = startOf(first); start <= last; ) {
    // A day and a half further, or a week and a half: that lies in the next one, however long this one is.
    const end = startOf(start + Math.floor(length * 1.5))
    periods.push({ from: dayOf(start), to: dayOf(end - 1), count: 0 })
    start = end
  }
  let place = 0
  for (const [day, count] of [...days].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    while (place < periods.length && (periods[place] as Period).to < day) place++
    const period = periods[place]
    if (period && period.from <= day) period.count += count
  }
  return periods
}

/** The first and the last day, those few that stand far apart left out; days since 1970. */
function within(days: ReadonlyMap<string, number>): [number?, number?] {
  const all = [...days].filter(([, count]) => count > 0).toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (all.length === 0) return []
  const total = all.reduce((sum, [, count]) => sum + count, 0)
  const ends = [numberOf(all[0]?.[0] as string), numberOf(all.at(-1)?.[0] as string)] as const
  const low = numberOf(at(all, total * APART))
  const high = numberOf(at(all, total * (1 - APART)))
  const isWide = (end: number) => Math.abs(end - low) > 2 * (high - low) + 366
  return [isWide(ends[0]) ? low : ends[0], isWide(ends[1]) ? high : ends[1]]
}

/** The day of the report at a place. */
function at(all: readonly (readonly [string, number])[], place: number): string {
  let before = 0
  for (const [day, count] of all) {
    before += count
    if (before >= place) return day
  }
  return all.at(-1)?.[0] as string
}

/** Where the period begins that a day lies in: weeks on Mondays, months and years on their first. */
function starter(length: number): (day: number) => number {
  if (length === 1) return (day) => day
  if (length === 7) return (day) => day - ((((day + 3) % 7) + 7) % 7)
  const months = length <= 31 ? 1 : length <= 92 ? 3 : 12 * Math.max(1, Math.round(length / 366))
  return (day) => {
    const date = new Date(day * DAY_MS)
    const month = date.getUTCFullYear() * 12 + date.getUTCMonth()
    return firstOf(month - (month % months))
  }
}

function firstOf(month: number): number {
  const date = new Date(0)
  date.setUTCFullYear(Math.floor(month / 12), month % 12, 1)
  return date.getTime() / DAY_MS
}

function numberOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY_MS
}

function dayOf(number: number): string {
  return new Date(Math.min(Math.max(number, FIRST), LAST) * DAY_MS).toISOString().slice(0, 10)
}
