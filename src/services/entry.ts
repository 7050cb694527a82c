import type { Entry, Warning } from '../schemas/entry.js'
import { dateInFolders, dateInName, momentOf, parseDate } from './date.js'
import { decodeHtml, decodeText, type Head } from './decode.js'
import { formatOf } from './format.js'
import { type FrontMatter, splitFrontMatter } from './front-matter.js'
import { firstHeading } from './heading.js'
import { declaredCharsets, type HtmlFacts, readHtml } from './html.js'
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

function readContent(head: Head, format: string): Content {
  const text =
    format === 'html'
      ? decodeHtml(head, (ascii) => declaredCharsets(splitFrontMatter(ascii).body))
      : decodeText(head)
  const { matter, body } = splitFrontMatter(text)
  if (format === 'html') return { matter, html: readHtml(body) }
  const titled = foldText(matter.title ?? '') !== undefined
  return { matter, heading: format === 'markdown' && !titled ? firstHeading(body) : undefined }
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
