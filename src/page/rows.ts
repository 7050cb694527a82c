import type { Entry } from '../schemas/entry.js'
import { isIllFormed } from '../services/report-link.js'
import { make, setText } from './dom.js'
import { counted, dayInWords, sizeInWords } from './words.js'

/** Heights of a report and of the heading of a day, in CSS pixels, as the style has them. */
export const REPORT_PX = 54
export const DAY_PX = 34

export function keyOf({ base, rel }: Pick<Entry, 'base' | 'rel'>): string {
  return `${base}\0${rel}`
}

/** One report as a row of the list. */
export interface Row {
  entry: Entry
  element: HTMLLIElement
  /** What takes the focus. */
  title: HTMLElement
  update(place: Place): void
}

/** Where a row stands. */
export interface Place {
  index: number
  count: number
  top: number
  /** Reports of its day, where it is the day's first; else 0. */
  ofDay: number
}

/** @param link the report's address; undefined where it has none */
export function makeRow(entry: Entry, link: string | undefined): Row {
  const title = link === undefined ? make('span', 'title', entry.title) : linkTo(link, entry.title)
  title.dir = 'auto'
  title.title = entry.title
  title.tabIndex = -1
  const about = make('p', 'about')
  const time = entry.date.length > 10 ? ` ${entry.date.slice(11, 16)} UTC` : ''
  const rel = make('span', 'rel', make('bdi', '', `${entry.base}/`), make('bdi', '', entry.rel))
  rel.title = `${entry.base}/${entry.rel}`
  const note = isIllFormed(entry.rel) ? 'cannot be opened: bad name · ' : ''
  about.append(
    make('bdi', 'type', entry.type),
    rel,
    make('span', 'end', `${note}${sizeInWords(entry.size)}${time && ` ·${time}`}`)
  )
  const element = make('li', '', make('div', 'report', title, about))
  let heading: HTMLElement | undefined
  return {
    entry,
    element,
    title,
    update({ index, count, top, ofDay }) {
      element.style.transform = `translateY(${top}px)`
      element.setAttribute('aria-setsize', String(count))
      element.setAttribute('aria-posinset', String(index + 1))
      if (ofDay === 0) {
        heading?.remove()
        heading = undefined
        return
      }
      if (!heading) {
        heading = make('h2', '', `${dayInWords(entry.date.slice(0, 10))} `, make('small'))
        element.prepend(heading)
      }
      setText(heading.lastElementChild as Element, counted(ofDay, 'report'))
    }
  }
}

function linkTo(href: string, text: string): HTMLAnchorElement {
  const link = make('a', 'title', text)
  link.href = href
  link.target = '_blank'
  link.rel = 'noopener'
  return link
}
