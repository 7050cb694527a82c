import type { Entry } from '../schemas/entry.js'
import { printable } from './printable.js'
import { cutTo, padded, paint, widthsOf } from './terminal.js'

/** An entry as a line for other programs: date, type, base, rel and title, tabs between them. */
export function lineOf({ date, type, base, rel, title }: Entry): string {
  return `${[date, type, base, rel, title].map(printable).join('\t')}\n`
}

/** A column: what stands in it, how, and how wide it is at most; the last two share what is left. */
interface Column {
  head: string
  style: Parameters<typeof paint>[0]
  most: number
  cell(entry: Entry): string
}

const DATE: Column = {
  head: 'DATE',
  style: 'cyan',
  most: 16,
  cell: ({ date }) => date.slice(0, 16).replace('T', ' ')
}
const TYPE: Column = { head: 'TYPE', style: 'yellow', most: 16, cell: ({ type }) => type }
const BASE: Column = { head: 'BASE', style: 'magenta', most: 16, cell: ({ base }) => base }
const TITLE: Column = {
  head: 'TITLE',
  style: 'bold',
  most: Number.POSITIVE_INFINITY,
  cell: ({ title }) => title
}
const REPORT: Column = {
  head: 'REPORT',
  style: 'dim',
  most: Number.POSITIVE_INFINITY,
  cell: ({ rel }) => rel
}
const DAY: Column = { ...DATE, most: 10, cell: ({ date }) => date.slice(0, 10) }

const GAP = 2
/** A terminal that has fewer places shows less of each report. */
const WIDE = 90
const NARROW = 50

/**
 * Entries as a table for a person; no line is wider than the terminal.
 * @param total how many match
 * @param width of the terminal, in places
 */
export function tableOf(entries: readonly Entry[], total: number, width: number): string {
  const columns =
    width >= WIDE
      ? [DATE, TYPE, BASE, TITLE, REPORT]
      : width >= NARROW
        ? [DAY, TYPE, TITLE, REPORT]
        : [DAY, TITLE]
  const rows = entries.map((entry) => columns.map(({ cell, most }) => cutTo(printable(cell(entry)), most)))
  const widths = fitted(
    widthsOf([columns.map(({ head }) => head), ...rows]),
    columns.length > 2 ? 2 : 1,
    width
  )
  const line = (cells: readonly string[], paintCell: (text: string, i: number) => string) =>
    cells
      .map((cell, i) => {
        const cut = cutTo(cell, widths[i] ?? 0)
        return paintCell(i === cells.length - 1 ? cut : padded(cut, widths[i] ?? 0), i)
      })
      .join(' '.repeat(GAP))
  const all = `${total} ${total === 1 ? 'report' : 'reports'}`
  const foot = entries.length === total ? all : `${entries.length} of ${all}`
  return [
    line(
      columns.map(({ head }) => head),
      (text) => paint('dim', text)
    ),
    ...rows.map((row) => line(row, (text, i) => paint(columns[i]?.style ?? 'dim', text))),
    paint('dim', cutTo(foot, width)),
    ''
  ].join('\n')
}

/** Widths of columns whose last `free` ones share what is left of the terminal. */
function fitted(widths: readonly number[], free: number, width: number): number[] {
  const fixed = widths.slice(0, -free)
  let left = Math.max(free, width - fixed.reduce((sum, each) => sum + each, 0) - GAP * (widths.length - 1))
  const shared = widths.slice(-free).map((wanted, i) => {
    const last = i === free - 1
    const got = Math.min(wanted, last ? left : Math.ceil(left / 2))
    left -= got
    return got
  })
  return [...fixed, ...shared]
}
