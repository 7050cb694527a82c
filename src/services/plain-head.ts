import { type Head, isInUtf8 } from './decode.js'
import { type HtmlFacts, readMeta, TELLING } from './html.js'
import { foldText } from './text.js'

/** What a plain head says, and where it ends. */
interface PlainHead {
  title: string
  /** Attributes of each `<meta>`, by lower-case name. */
  metas: ReadonlyMap<string, string>[]
  end: number
}

/*
 * Programs that write reports begin them alike: a doctype, html, head, and in that metas, links, styles, scripts and one
 * title. Such a head needs no parser: what is taken here means the same to one, and whatever might not is left to it.
 */

const BLANK = /[ \t\n\f\r]+/y
const DOCTYPE = /<!doctype html(?:[ \t\n\f\r][^<>"]*(?:"[^<>"]*"[^<>"]*)*)?>/iy
const TITLE = /<title>([^<\0]*)<\/title>/iy
const TAG =
  /<(html|head|meta|link|base|style|script)((?:[ \t\n\f\r]+[a-z][\w:.-]*(?:=(?:"[^"\0]*"|'[^'\0]*'|[\w:.;/-]+(?=[ \t\n\f\r>])))?)*)[ \t\n\f\r]*\/?>/iy
const ATTRIBUTE = /([a-z][\w:.-]*)(?:=(?:"([^"]*)"|'([^']*)'|([\w:.;/-]+)))?(?=[ \t\n\f\r]|$)/gi
const END = /<(?:\/head>|body[ \t\n\f\r>])/iy

/** Control characters, of which some lead to other characters in some charsets. */
const CONTROL = /[\0-\x08\v\x0e-\x1f\x7f]/
const ASCII = /^[\0-\x7f]*$/
/** The byte-order mark of UTF-8. */
const MARK = Buffer.from('\ufeff')
/** So many characters tell that a head ends. */
const END_LENGTH = 7

/**
 * As readHtml, for a document whose head is plain and has a title, and behind which nothing can change what it says. As long
 * as it is ASCII it reads the same in any charset that HTML can be in without a byte-order mark.
 * @returns undefined where it has to be decoded and parsed
 */
export function readPlainHtml({ bytes: all, cut }: Head): HtmlFacts | undefined {
  const bytes = all.subarray(MARK.equals(all.subarray(0, MARK.length)) ? MARK.length : 0)
  const text = bytes.toString('latin1')
  const plain = readPlainHead(text)
  if (!plain || isTellingFrom(text, plain.end)) return undefined
  const written = text.slice(0, plain.end)
  if (CONTROL.test(written)) return undefined
  if (ASCII.test(written)) return factsOf(plain)
  const decoded = isInUtf8({ bytes, cut }) && readPlainHead(bytes.toString('utf8', 0, plain.end + END_LENGTH))
  return decoded ? factsOf(decoded) : undefined
}

function isTellingFrom(text: string, index: number): boolean {
  const telling = new RegExp(TELLING)
  telling.lastIndex = index
  return telling.test(text)
}

function factsOf(head: PlainHead): HtmlFacts | undefined {
  const title = unescape(head.title)
  if (title === undefined || foldText(title) === undefined) return undefined
  const facts: HtmlFacts = { title, metas: [], charsets: [] }
  for (const attributes of head.metas) {
    const values = new Map<string, string>()
    for (const [name, written] of attributes) {
      const value = unescape(written)
      if (value === undefined) return undefined
      values.set(name, value)
    }
    readMeta(values, facts)
  }
  return facts
}

const REFERENCE = /&(?:(amp|lt|gt|quot|#39);)?/g
const REFERENCES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** A text with its character references read; undefined where there are others than those that every program writes. */
function unescape(written: string): string | undefined {
  if (!written.includes('&')) return written
  let isPlain = true
  const text = written.replace(REFERENCE, (_, name?: string) => {
    isPlain &&= name !== undefined
    return REFERENCES[name ?? ''] ?? ''
  })
  return isPlain ? text : undefined
}

/** Reads a plain head with a title. */
function readPlainHead(text: string): PlainHead | undefined {
  const reader = new HeadReader(text)
  reader.take(BLANK)
  reader.take(DOCTYPE)
  while (!reader.sees(END)) if (!reader.takeNext()) return undefined
  const { title, metas, at } = reader
  return title === undefined ? undefined : { title, metas, end: at }
}

class HeadReader {
  at = 0
  title: string | undefined
  readonly metas: ReadonlyMap<string, string>[] = []
  #hasBegun = false

  constructor(readonly text: string) {}

  sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    return pattern.test(this.text)
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)
    if (match) this.at = pattern.lastIndex
    return match ?? undefined
  }

  takeNext(): boolean {
    return this.take(BLANK) !== undefined || this.#takeComment() || this.#takeTitle() || this.#takeTag()
  }

  /** A comment without anything that a parser could take for its end, or for another one. */
  #takeComment(): boolean {
    if (!this.text.startsWith('<!--', this.at)) return false
    const end = this.text.indexOf('-->', this.at + 4)
    if (end === -1) return false
    const comment = this.text.slice(this.at + 4, end)
    if (/^[->]|--|-$/.test(comment) || comment.includes('<!--')) return false
    this.at = end + 3
    return true
  }

  #takeTitle(): boolean {
    const title = this.take(TITLE)?.[1]
    if (title === undefined) return false
    this.#hasBegun = true
    this.title ??= title
    return true
  }

  #takeTag(): boolean {
    const [, name = '', attributes = ''] = this.take(TAG) ?? []
    const tag = name.toLowerCase()
    if (tag === 'html' || tag === 'head') return !this.#hasBegun
    if (tag === '') return false
    this.#hasBegun = true
    if (tag === 'meta') this.metas.push(attributesIn(attributes))
    return (tag !== 'style' && tag !== 'script') || this.#takeRaw(`</${tag}`)
  }

  /** What stands in a style or script, up to its end tag. */
  #takeRaw(endTag: string): boolean {
    const end = indexIn(this.text, endTag, this.at)
    if (end === -1 || this.text[end + endTag.length] !== '>') return false
    const raw = this.text.slice(this.at, end)
    this.at = end + endTag.length + 1
    return !raw.includes('<!--')
  }
}

function attributesIn(text: string): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const [, name = '', double, single, bare = ''] of text.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase()
    if (!attributes.has(key)) attributes.set(key, double ?? single ?? bare)
  }
  return attributes
}

function indexIn(text: string, word: string, from: number): number {
  for (let at = text.indexOf('</', from); at !== -1; at = text.indexOf('</', at + 2))
    if (text.slice(at, at + word.length).toLowerCase() === word) return at
  return -1
}
