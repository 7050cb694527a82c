import type { Entry } from '../schemas/entry.js'

/** A Markdown report that is to be shown as a page. */
export interface MarkdownReport {
  entry: Pick<Entry, 'base' | 'rel' | 'title' | 'date'>
  /** The report, or what it begins with. */
  bytes: Buffer
  /** Whether it goes on behind these bytes. */
  cut: boolean
}

/** Why a page is not made of a report of which it would be too large. */
export const TOO_LARGE = 'the page would be too large'

/** Likewise where its elements are nested too deeply. */
export const TOO_DEEP = 'its elements are nested too deeply'
