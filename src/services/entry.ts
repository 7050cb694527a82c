import type { Entry, Warning } from '../schemas/entry.js'
import { dateInFolders, dateInName, momentOf, parseDate } from './date.js'
import { decodeHtml, decodePart, decodeText, type Head } from './decode.js'
import { formatOf } from './format.js'
import { type FrontMatter, isFrontMatterCut, splitFrontMatter } from './front-matter.js'
import { firstHeading, headingAtOnce } from './heading.js'
import { declaredCharsets, type HtmlFacts, readHtml } from './html.js'
import { readPlainHtml } from './plain-head.js'
import { foldText } from './text.js'
import { titleFromName } from './title.js'

/** A regular file as its folder and its stat tell it. */
export interface FileFacts {
  base: string
  rel: string
  /** Bytes. */
  size: number
  /** Modification time, nanoseconds since 1970. */
  mtimeNs: bigint
}

/** What the first bytes of a file say. */
interface Content {
  matter: FrontMatter
  heading?: string | undefined
  html?: HtmlFacts
}

/** Whether anything is read from a file's bytes: nothing from a PDF, nothing from an empty file. */
export function wantsHead(rel: string, size: number): boolean {
  return size > 0 && formatOf(rel) !== 'pdf'
}

/**
 * Makes the entry of a file: each field is the first of its chain of rules that yields anything.
 * @param head the first bytes, or undefined where the file is not read or can not be
 */
export function makeEntry(file: FileFacts, head: Head | undefined): { entry: Entry; warnings: Warning[] } {
  const format = formatOf(file.rel)
  const name = file.rel.slice(file.rel.lastIndexOf('/') + 1)
  const { matter, heading, html } = head ? readContent(head, format) : { matter: {} as FrontMatter }
  const mtime = momentOf(file.mtimeNs)
  return {
    entry: {
      base: file.base,
      rel: file.rel,
      title: firstText(matter.title, heading, html?.title, html?.heading) ?? titleFromName(name),
      date:
        parseDate(matter.date ?? '') ??
        dateInMetas(html) ??
        dateInName(name) ??
        dateInFolders(file.rel) ??
        mtime.slice(0, 10),
      type: firstText(matter.type, ...typesInMetas(html)) ?? format,
      mtime,
      size: file.size
    },
    warnings: matter.error ? [{ code: 'front-matter', base: file.base, rel: file.rel, ...matter.error }] : []
  }
}

/** Most texts say what is asked for in so many bytes. */
const FIRST_BYTES = 512

function readContent(head: Head, format: string): Content {
  if (format === 'html') return readHtmlContent(wholeOf(head))
  const isMarkdown = format === 'markdown'
  let split: ReturnType<typeof splitFrontMatter> | undefined
  for (const part of partsOf(head)) {
    const text = decodePart(part)
    if (text === undefined || isFrontMatterCut(text)) continue
    split ??= splitFrontMatter(text)
    const { matter, body } = split
    if (!isMarkdown || hasTitle(matter)) return { matter }
    const heading = headingAtOnce(text.slice(body))
    if (heading !== undefined) return { matter, heading }
  }
  const text = decodeText(wholeOf(head))
  const { matter, body } = split ?? splitFrontMatter(text)
  return isMarkdown && !hasTitle(matter) ? { matter, heading: firstHeading(text.slice(body)) } : { matter }
}

function readHtmlContent(head: Head): Content {
  const html = readPlainHtml(head)
  if (html) return { matter: {}, html }
  const text = decodeHtml(head, (ascii) => declaredCharsets(ascii.slice(splitFrontMatter(ascii).body)))
  const { matter, body } = splitFrontMatter(text)
  return { matter, html: readHtml(text.slice(body)) }
}

/** Beginnings of a head that may say enough, the shortest first. */
function partsOf({ bytes, whole }: Head): Buffer[] {
  const parts = bytes.length > FIRST_BYTES ? [bytes.subarray(0, FIRST_BYTES)] : []
  return whole ? [...parts, bytes] : parts
}

function wholeOf(head: Head): Head {
  return head.whole?.() ?? head
}

function hasTitle({ title }: FrontMatter): boolean {
  return title !== undefined && foldText(title) !== undefined
}

function firstText(...texts: (string | undefined)[]): string | undefined {
  for (const text of texts) {
    const folded = text === undefined ? undefined : foldText(text)
    if (folded !== undefined) return folded
  }
  return undefined
}

function dateInMetas(html: HtmlFacts | undefined): string | undefined {
  for (const wanted of ['date', 'dcterms.date', 'article:published_time']) {
    for (const { name, property, content } of html?.metas ?? []) {
      const date = name === wanted || property === wanted ? parseDate(content) : undefined
      if (date !== undefined) return date
    }
  }
  return undefined
}

function typesInMetas(html: HtmlFacts | undefined): string[] {
  const metas = html?.metas ?? []
  return ['type', 'report-type'].flatMap((wanted) =>
    metas.filter(({ name }) => name === wanted).map(({ content }) => content)
  )
}
