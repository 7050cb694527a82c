/** As readYamlKeys: the keys that were asked for, as text. */
type Keys = Map<string, string>

/*
 * Most front matter is lines of `key: value`, with lists, a map or a folded text between them at most. Such a block needs
 * no parser: what is taken here means the same to YAML, and whatever might not is left to the parser.
 */

const KEY = /^ *([A-Za-z_][\w-]{0,99}):(?: +(.*))?$/
const ITEM = /^ *- +(.*)$/
const WORDS = /(?:[\p{L}\p{N}][\p{L}\p{N} _./-]*|"[^"\\]*"|'[^']*') */u.source
/** `[one, two words, "three"]` */
const LIST = new RegExp(`^\\[ *(?:${WORDS}(?:, *${WORDS})*)?\\]$`, 'u')
/** `{name: one, role: "two"}` */
const MAP = new RegExp(`^\\{ *(?:[A-Za-z_][\\w-]*: +${WORDS}(?:, *[A-Za-z_][\\w-]*: +${WORDS})*)?\\}$`, 'u')
const QUOTED = /^(?:"([^"\\]*)"|'([^']*)')$/
const TEXT = /^[>|]-?$/
/** A plain scalar begins with what is no sign to YAML. */
const PLAIN = /^[\p{L}\p{N}/(.$+]/u
/** All that YAML reads as anything but a character of its own. */
const STRANGE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/
const NULLS = new Set(['', 'null', 'Null', 'NULL'])

const MOST_NESTED = 3

/**
 * Reads a block of plain lines.
 * @param block the lines between the markers
 * @returns undefined where a parser has to say what it means
 */
export function readPlainBlock(block: string, keys: readonly string[]): Keys | undefined {
  const text = block.includes('\r') ? block.replaceAll('\r\n', '\n') : block
  if (STRANGE.test(text)) return undefined
  const found: Keys = new Map()
  const reader = new BlockReader(text.split('\n'))
  const isRead = reader.readMap(0, (key, value) => keys.includes(key) && found.set(key, value))
  return isRead && reader.isAtEnd ? found : undefined
}

/** Reads lines from first to last; each part is false where it can not tell. */
class BlockReader {
  #at = 0

  constructor(readonly lines: readonly string[]) {}

  get isAtEnd(): boolean {
    return this.#next() === undefined
  }

  readMap(indent: number, take: (key: string, value: string) => void, depth = 0): boolean {
    const seen = new Set<string>()
    for (let line = this.#next(); line !== undefined && indentOf(line) >= indent; line = this.#next()) {
      const [, key, rest = ''] = KEY.exec(line) ?? []
      if (key === undefined || indentOf(line) > indent || seen.has(key) || depth > MOST_NESTED) return false
      seen.add(key)
      this.#at++
      const written = withoutBlanks(rest)
      const value = written === '' ? this.#readNested(indent, depth) : this.#readValue(written, indent)
      if (value === undefined) return false
      if (value !== null) take(key, value)
    }
    return true
  }

  /** What stands below a key without a value: null where it is a list, a map or nothing. */
  #readNested(indent: number, depth: number): null | undefined {
    const line = this.#next()
    const inner = line === undefined ? -1 : indentOf(line)
    if (line !== undefined && inner >= indent && ITEM.test(line))
      return this.#readItems(inner) ? null : undefined
    return inner <= indent || this.readMap(inner, () => {}, depth + 1) ? null : undefined
  }

  #readItems(indent: number): boolean {
    for (let line = this.#next(); line !== undefined && indentOf(line) >= indent; line = this.#next()) {
      const item = ITEM.exec(line)?.[1]
      if (item === undefined) return indentOf(line) === indent && KEY.test(line)
      if (indentOf(line) > indent || scalarIn(withoutBlanks(item)) === undefined) return false
      this.#at++
    }
    return true
  }

  #readValue(written: string, indent: number): string | null | undefined {
    if (TEXT.test(written)) return this.#readText(written, indent)
    if (LIST.test(written)) return null
    return MAP.test(written) && hasOwnKeys(written) ? null : scalarIn(written)
  }

  /** A folded or literal text whose lines all begin in the same column. */
  #readText(header: string, indent: number): string | undefined {
    const inner = indentOf(this.lines[this.#at] ?? '')
    const lines: string[] = []
    for (let line = this.lines[this.#at]; line && indentOf(line) === inner; line = this.lines[++this.#at])
      lines.push(line.slice(inner))
    const behind = this.lines.slice(this.#at).find((line) => line !== '') ?? ''
    if (
      inner <= indent ||
      indentOf(behind) > indent ||
      lines.some((line) => line === '' || line.endsWith(' '))
    )
      return undefined
    return lines.join(header.startsWith('>') ? ' ' : '\n') + (header.endsWith('-') ? '' : '\n')
  }

  /** The next line that is neither empty nor a comment. */
  #next(): string | undefined {
    for (let line = this.lines[this.#at]; line !== undefined; line = this.lines[++this.#at])
      if (line !== '' && !line.startsWith('#')) return line
    return undefined
  }
}

/** Whether no key stands twice in a map on one line. */
function hasOwnKeys(map: string): boolean {
  const keys = [...map.replace(/"[^"]*"|'[^']*'/g, '').matchAll(/[{,] *([A-Za-z_][\w-]*):/g)].map(
    ([, key]) => key
  )
  return new Set(keys).size === keys.length
}

/** The text of a scalar, null where it is null, undefined where it is none that can be read here. */
function scalarIn(value: string): string | null | undefined {
  const [all, double, single] = QUOTED.exec(value) ?? []
  if (all !== undefined) return double ?? single
  if (!PLAIN.test(value) || value.includes(': ') || value.includes(' #') || value.endsWith(':'))
    return undefined
  return NULLS.has(value) ? null : value
}

function indentOf(line: string): number {
  let indent = 0
  while (line.charCodeAt(indent) === 0x20) indent++
  return indent
}

// String.prototype.trimEnd would take white space that means something to YAML.
function withoutBlanks(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end--
  return text.slice(0, end)
}
