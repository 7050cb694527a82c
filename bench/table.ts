import type { Runs } from './rounds.js'
import { short } from './statistics.js'
import type { Target } from './targets.js'

export interface Table {
  title?: string
  columns: readonly string[]
  rows: string[][]
}

/** What a benchmark tells: prose above, and tables. */
export interface Section {
  tables: Table[]
  notes: string[]
}

export const COMPARED = [
  'work',
  'reports',
  'median',
  'least to most',
  'runs',
  'anchor',
  'ratio',
  'least to most',
  'CPU ratio',
  'must',
  'goal'
] as const

export interface Comparison {
  name: string
  anchor?: string | undefined
  target?: Target | undefined
  /** What is compared; wall time where nothing is said. */
  key?: string
  unit?: string
}

const range = ({ least, most }: { least: number; most: number }) => `${short(least)} to ${short(most)}`

function compared(
  runs: Runs,
  reports: number,
  { name, anchor, target, key = 'ms', unit = 'ms' }: Comparison
): string[] {
  const own = runs.of(name, key)
  const row = [name, count(reports), `${short(own.median)} ${unit}`, range(own), String(own.runs)]
  if (!anchor || !runs.has(anchor)) return [...row, '', '', '', '', target?.must ?? '', target?.goal ?? '']
  const ratio = runs.ratio(name, anchor, key)
  const cpu = key === 'ms' ? short(runs.ratio(name, anchor, 'cpu').median) : ''
  return [...row, anchor, short(ratio.median), range(ratio), cpu, target?.must ?? '', target?.goal ?? '']
}

/** Rows of a table whose columns are `COMPARED`: of what ran, and beside what ran; the first one in any case. */
export function rowsOf(runs: Runs, reports: number, comparisons: Comparison[]): string[][] {
  return comparisons
    .filter(({ name, anchor }, at) => runs.has(name) && (at === 0 || !anchor || runs.has(anchor)))
    .map((each) => compared(runs, reports, each))
}

export const count = (reports: number) => String(reports).replace(/\B(?=(\d{3})+$)/g, ' ')

const isFigure = (cell: string) => /^[\d–≤≥]/.test(cell)

/** Without the columns in which nothing stands. */
function filled({ title, columns, rows }: Table): Table {
  const has = (_: unknown, at: number) => rows.some((row) => row[at])
  return {
    ...(title && { title }),
    columns: columns.filter(has),
    rows: rows.map((row) => row.filter((__, at) => has(0, at)))
  }
}

export function markdown(table: Table): string {
  const { title, columns, rows } = filled(table)
  const cells = [[...columns], ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => row[at]?.length ?? 0)))
  const right = columns.map((_, at) => rows.every((row) => isFigure(row[at] || '–')))
  const pad = (cell: string, at: number) =>
    right[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
  const line = (row: string[]) => `| ${row.map(pad).join(' | ')} |`
  const rule = widths.map((width, at) => (right[at] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  const [head = [], ...body] = cells
  const lines = [line(head), `| ${rule.join(' | ')} |`, ...body.map(line)]
  return `${title ? `**${title}**\n\n` : ''}${lines.join('\n')}\n`
}

export function text({ tables, notes }: Section): string {
  return [...notes.map((note) => `${note}\n`), ...tables.map(markdown)].join('\n')
}
