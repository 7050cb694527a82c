import { datesInName } from './date.js'
import { extensionOf } from './format.js'
import { foldText } from './text.js'

/**
 * A file's name made readable: no extension, no date at either end, `-` and `_` as spaces, first letter upper case.
 * Where nothing is left, the bare name.
 */
export function titleFromName(name: string): string {
  const extension = extensionOf(name)
  const bare = extension === '' ? name.replace(/(?<=.)\.$/, '') : name.slice(0, -extension.length - 1)
  const words = foldText(withoutEndDates(bare).replace(/[-_]/g, ' '))
  if (words !== undefined) return capitalise(words)
  return foldText(bare) ?? foldText(name) ?? name
}

function withoutEndDates(bare: string): string {
  const [first] = datesInName(bare)
  const rest = first?.start === 0 && !isWordAt(bare, first.end) ? bare.slice(first.end) : bare
  const last = [...datesInName(rest)].at(-1)
  if (!last || last.end !== rest.length) return rest
  return isWordBefore(rest, last.start) ? rest : rest.slice(0, last.start)
}

function isWordAt(text: string, index: number): boolean {
  return /^[\p{L}\p{N}]/u.test(text.slice(index))
}

function isWordBefore(text: string, index: number): boolean {
  return /[\p{L}\p{N}]$/u.test(text.slice(0, index))
}

function capitalise(words: string): string {
  const [first = ''] = words
  return /\p{L}/u.test(first) ? first.toUpperCase() + words.slice(first.length) : words
}
