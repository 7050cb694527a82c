import { styleText } from 'node:util'
import stringWidth from 'string-width'

type Style = Parameters<typeof styleText>[0]

/** Whether standard output shows colours: a terminal that can, and nobody said NO_COLOR. */
const isColoured = process.stdout.isTTY && process.stdout.hasColors()

/** A text in a style, where standard output shows any. */
export function paint(style: Style, text: string): string {
  return isColoured ? styleText(style, text) : text
}

/** Pads a text to a width, counted as terminals show it: wide characters take two places, joiners none. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Cuts a text to a width, with a sign that it goes on. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let [cut, room] = ['', Math.max(0, width - 1)]
  for (const { segment } of graphemes.segment(text)) {
    room -= widthOf(segment)
    if (room < 0) break
    cut += segment
  }
  return `${cut}…`
}

const graphemes = new Intl.Segmenter()

/** So many places a text takes on a terminal. */
export function widthOf(text: string): number {
  // Most texts are plain, and there may be many.
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text)
}

/** Rows as columns of equal width; the last column is left as it is. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows)
  return rows
    .map((row) =>
      row.map((cell, i) => (i === row.length - 1 ? cell : padded(cell, widths[i] ?? 0))).join('  ')
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** The width of each column. */
export function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))
  return widths
}
