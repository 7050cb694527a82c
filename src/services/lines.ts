import { Type } from '@sinclair/typebox'
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler'
import { Entry } from '../schemas/entry.js'

const LINE_END = 0x0a
const COMMA = 0x2c

/*
 * A listing as it is sent has a line for its numbers, one for each entry, and one that closes it:
 *
 *   {"total":T,"count":C,"reports":[
 *   {entry},
 *   {entry}
 *   ]}
 */

/** Where the first entry of a listing begins. */
export function firstLine(body: Buffer): number {
  return body.indexOf(LINE_END) + 1
}

/** Where the last entry of a listing ends, its line end included. */
export function lastLineEnd(body: Buffer): number {
  return body.lastIndexOf(LINE_END, body.length - 2) + 1
}

/** Where the line that begins at `start` ends, its line end included. */
export function lineEnd(body: Buffer, start: number): number {
  return body.indexOf(LINE_END, start) + 1
}

/** The entry of a line, as it stands there: no comma, no line end. */
export function entryBytes(body: Buffer, start: number, end: number): Buffer {
  return body.subarray(start, body[end - 2] === COMMA ? end - 2 : end - 1)
}

const NAME_KEYS = ['{"base":"', '","rel":"'].map((key) => Buffer.from(key)) as [Buffer, Buffer]
const QUOTE = 0x22
const OPEN = 0x7b
const BACKSLASH = 0x5c

/** Base and rel of the entry whose line begins at `start`; without parsing it where they stand first and plain. */
export function nameIn(body: Buffer, start: number): Pick<Entry, 'base' | 'rel'> {
  const [baseKey, relKey] = NAME_KEYS
  const base = plainText(body, start, baseKey)
  const rel = base && plainText(body, base.end, relKey)
  if (base && rel) return { base: base.text, rel: rel.text }
  return JSON.parse(entryBytes(body, start, lineEnd(body, start)).toString('utf8'))
}

/** The entry of a report; undefined where it is not listed. */
export function findEntry(body: Buffer, { base, rel }: Pick<Entry, 'base' | 'rel'>): Entry | undefined {
  const own = body.indexOf(`\n${JSON.stringify({ base, rel }).slice(0, -1)},`) + 1
  const start = own > 0 || isOwnLayout(body) ? own : lineOf(body, base, rel)
  return start === 0 ? undefined : parseEntry(entryBytes(body, start, lineEnd(body, start)).toString('utf8'))
}

function isOwnLayout(body: Buffer): boolean {
  const line = body.toString('latin1', firstLine(body), lineEnd(body, firstLine(body)))
  return /^(?:\{"base":"[^"]*","rel":"|\])/.test(line)
}

/** Where the line of a report begins in the listing of another program; 0 where there is none. */
function lineOf(body: Buffer, base: string, rel: string): number {
  for (let start = firstLine(body); body[start] === OPEN; start = lineEnd(body, start)) {
    const name = nameIn(body, start)
    if (name.base === base && name.rel === rel) return start
  }
  return 0
}

/** The text behind a key, where nothing in it is escaped, and where it ends. */
function plainText(body: Buffer, start: number, key: Buffer): { text: string; end: number } | undefined {
  const from = start + key.length
  for (let i = 0; i < key.length; i++) if (body[start + i] !== key[i]) return undefined
  let end = from
  while (body[end] !== QUOTE) if (body[end++] === BACKSLASH || end >= body.length) return undefined
  return { text: body.toString('utf8', from, end), end }
}

/**
 * Parses an entry.
 * @throws where it is none
 */
export function parseEntry(line: string): Entry {
  const entry: unknown = JSON.parse(line)
  if (!isEntry(entry)) throw new SyntaxError('a line of the listing is no entry')
  return entry
}

/** A later version of ours may say more of a report. */
const Known = Type.Object(Entry.properties)
let compiled: TypeCheck<typeof Known> | undefined

function isEntry(entry: unknown): entry is Entry {
  compiled ??= TypeCompiler.Compile(Known)
  return compiled.Check(entry)
}

/** The line before the entries of a listing. */
export function openListing(total: number, count: number, nextCursor?: string): string {
  const next = nextCursor === undefined ? '' : `"nextCursor":${JSON.stringify(nextCursor)},`
  return `{"total":${total},"count":${count},${next}"reports":[\n`
}

/** The line behind them. */
export const CLOSE_LISTING = ']}\n'
