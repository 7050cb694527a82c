const DATE =
  /^(\d{4})-(\d\d)-(\d\d)(?:(?:[Tt]|[ \t]+)(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[ \t]*(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?))?)?$/
const IN_NAME = /(?<!\d)(\d{4})([-_]?)(\d\d)\2(\d\d)(?!\d)/g

/**
 * Reads a date of front matter or meta: `YYYY-MM-DD`, or that with a time as RFC 3339 or YAML writes it.
 * @returns the day, or the moment in UTC with milliseconds (cut); undefined for anything else
 */
export function parseDate(text: string): string | undefined {
  const match = DATE.exec(text)
  if (!match) return undefined
  const [
    ,
    year,
    month,
    day,
    hour,
    minute,
    second = '0',
    fraction = '',
    ,
    sign,
    offsetHour = '0',
    offsetMinute = '0'
  ] = match
  if (!isDay(Number(year), Number(month), Number(day))) return undefined
  if (hour === undefined) return text
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -1 : 1)
  const moment = new Date(0)
  moment.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  moment.setUTCHours(
    Number(hour),
    Number(minute) - offset,
    Number(second),
    Number(fraction.slice(0, 3).padEnd(3, '0'))
  )
  const utcYear = moment.getUTCFullYear()
  return utcYear < 1 || utcYear > 9999 ? undefined : moment.toISOString()
}

/** Whether a moment as it stands in entries and manifests (UTC, milliseconds) is one that there is. */
export function isMoment(text: string): boolean {
  return text.length > 10 && parseDate(text) === text
}

/** The first valid date that stands in a file's name with no digit beside it, as `YYYY-MM-DD`. */
export function dateInName(name: string): string | undefined {
  for (const found of datesInName(name)) return found.day
  return undefined
}

/** Every valid date in a name and where it stands; `start` and `end` count UTF-16 code units. */
export function* datesInName(name: string): Generator<{ day: string; start: number; end: number }> {
  const pattern = new RegExp(IN_NAME)
  for (let match = pattern.exec(name); match; match = pattern.exec(name)) {
    const [all, year, , month, day] = match
    if (isDay(Number(year), Number(month), Number(day))) {
      yield { day: `${year}-${month}-${day}`, start: match.index, end: match.index + all.length }
    } else {
      pattern.lastIndex = match.index + 1
    }
  }
}

/**
 * The date of the nearest folder named `YYYY-MM-DD`, or that ends the path `YYYY/MM/DD` or `YYYY/MM`.
 * @param rel path of a file below its base
 */
export function dateInFolders(rel: string): string | undefined {
  const folders = rel.split('/').slice(0, -1)
  for (let end = folders.length; end > 0; end--) {
    const [last = '', before = '', first = ''] = folders.slice(Math.max(0, end - 3), end).toReversed()
    const day = wholeDay(last) ?? wholeDay(`${first}-${before}-${last}`) ?? wholeDay(`${before}-${last}-01`)
    if (day !== undefined) return day
  }
  return undefined
}

function wholeDay(text: string): string | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  return match && isDay(Number(match[1]), Number(match[2]), Number(match[3])) ? text : undefined
}

/** Whether a day stands in the calendar of the years 0001 to 9999. */
export function isDay(year: number, month: number, day: number): boolean {
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1) return false
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return day <= (days[month - 1] ?? 0)
}

const FIRST = Date.UTC(1, 0, 1) // Date.UTC reads the years 0 to 99 as 1900 to 1999
const EARLIEST = new Date(FIRST).setUTCFullYear(1)
const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * A file's modification time as RFC 3339 in UTC, milliseconds rounded down, kept within the years 0001 to 9999.
 * @param ns nanoseconds since 1970
 */
export function momentOf(ns: bigint): string {
  const ms = Number(ns >= 0n ? ns / 1_000_000n : (ns - 999_999n) / 1_000_000n)
  return new Date(Math.min(Math.max(ms, EARLIEST), LATEST)).toISOString()
}
