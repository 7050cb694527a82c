const numbers = new Intl.NumberFormat('en')
const longDays = new Intl.DateTimeFormat('en', { dateStyle: 'full', timeZone: 'UTC' })
const moments = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })
const sizes = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** `1,234 reports` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${numbers.format(count)} ${count === 1 ? one : many}`
}

export function numbered(count: number): string {
  return numbers.format(count)
}

/** `Tuesday, June 9, 2026`, of `2026-06-09`. */
export function dayInWords(day: string): string {
  const date = new Date(`${day}T00:00:00Z`)
  return Number.isNaN(date.getTime()) ? day : longDays.format(date)
}

/** A moment in the reader's own time. */
export function momentInWords(moment: string): string {
  return moments.format(new Date(moment))
}

export function sizeInWords(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < sizes.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${sizes[unit]}`
}

/** `12 seconds`, `3 minutes`, `5 hours`, `2 days` */
export function lengthInWords(seconds: number): string {
  const [value, unit] =
    seconds < 60
      ? [seconds, 'second']
      : seconds < 3600
        ? [seconds / 60, 'minute']
        : seconds < 172_800
          ? [seconds / 3600, 'hour']
          : [seconds / 86_400, 'day']
  return counted(Math.floor(value), unit)
}
