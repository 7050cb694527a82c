import type { Entry } from '../schemas/entry.js'
import { printable } from './printable.js'
import { cutTo, padded, paint, widthsOf } from './terminal.js'

/** An entry as a line for other programs: date, type, base, rel and title, tabs between them. */
export function lineOf({ date, type, base, rel, title }: Entry): string {
  return `${[date, type, base, rel, title].map(printable).join('\t')}\n`
}

const HEADS = ['DATE', 'TYPE', 'BASE', 'TITLE', 'REPORT']
/** A type or a base that is wider is cut; a title takes half of what is left. */
const MOST_WIDE = 16
const GAP = 2

/**
 * Entries as a table for a person.
 * @param total how many match
 * @param width of the terminal, in places
 */
export function tableOf(entries: readonly Entry[], total: number, width: number): string {
  const rows = entries.map(({ date, type, base, rel, title }) => {
    const moment = date.length > 10 ? `${date.slice(0, 10)} ${date.slice(11, 16)}` : date
    return [
      moment,
      cutTo(printable(type), MOST_WIDE),
      cutTo(printable(base), MOST_WIDE),
      printable(title),
      printable(rel)
    ]
  })
  const [date = 0, type = 0, base = 0, title = 0] = widthsOf([HEADS, ...rows])
  const left = Math.max(40, width - date - type - base - GAP * 4)
  const widths = [date, type, base, Math.min(title, Math.ceil(left / 2))]
  const last = Math.max(20, left - (widths[3] as number))
  const styles = ['cyan', 'yellow', 'magenta', 'bold', 'dim'] as const
  const lines = rows.map((row) =>
    row
      .map((cell, i) => {
        const room = i === 4 ? last : (widths[i] as number)
        const cut = cutTo(cell, room)
        return paint(styles[i] ?? 'reset', i === 4 ? cut : padded(cut, room))
      })
      .join(' '.repeat(GAP))
  )
  const head = HEADS.map((cell, i) => padded(cell, widths[i] ?? 0)).join(' '.repeat(GAP))
  const foot = entries.length === total ? `${total} reports` : `${entries.length} of ${total} reports`
  return `${[paint('dim', head), ...lines, paint('dim', foot)].join('\n')}\n`
}
