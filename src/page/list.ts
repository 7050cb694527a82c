import type { Entry } from '../schemas/entry.js'
import { byId, make, setText } from './dom.js'
import { Layout } from './layout.js'
import { stayingNear } from './place.js'
import { DAY_PX, keyOf, makeRow, REPORT_PX, type Row } from './rows.js'
import { dayInWords } from './words.js'

/** Rows that are there above and below what is seen. */
const SPARE_ROWS = 8
/** So many reports are printed. */
const MOST_PRINTED = 1000

/**
 * The reports, day by day: of however many, only those that are seen are there. A report keeps its row, and the reader his
 * place, when others come and go.
 */
export class List {
  readonly #scroller = byId('reports', HTMLElement)
  readonly #rows = byId('rows', HTMLOListElement)
  readonly #day = make('span')
  readonly #linkOf: (entry: Entry) => string | undefined
  #entries: readonly Entry[] = []
  #layout = new Layout([])
  #shown = new Map<string, Row>()
  #fresh = new Set<string>()
  #active: string | undefined

  /** @param linkOf the address of a report; undefined where it leads nowhere */
  constructor(linkOf: (entry: Entry) => string | undefined) {
    this.#linkOf = linkOf
    byId('day', HTMLElement).append(this.#day)
    this.#scroller.addEventListener('scroll', () => this.#draw(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(this.#scroller)
    addEventListener('beforeprint', () => this.#draw(true))
    addEventListener('afterprint', () => this.#draw())
    this.#rows.addEventListener('keydown', (event) => this.#onKey(event))
    this.#rows.addEventListener('focusin', ({ target }) => this.#onFocus(target as Element))
  }

  /**
   * Shows these entries.
   * @param isOther whether another part of the listing was asked for; else the reader keeps his place in it
   * @param fresh keys of reports that were not there before
   */
  show(entries: readonly Entry[], isOther: boolean, fresh: ReadonlySet<string>): void {
    const [before, layout, { scrollTop }] = [this.#entries, this.#layout, this.#scroller]
    const focused = isOther ? -1 : this.#focusedRow()
    this.#entries = entries
    this.#fresh = new Set(fresh)
    this.#layout = new Layout(entries)
    this.#rows.style.height = `${this.#layout.height}px`
    const stays =
      isOther || scrollTop === 0 ? undefined : stayingNear(before, firstSeen(layout, scrollTop), entries)
    if (isOther) this.#scroller.scrollTop = 0
    else if (stays)
      this.#scroller.scrollTop =
        scrollTop + this.#layout.reportTop(stays.after) - layout.reportTop(stays.before)
    this.#draw()
    if (focused === -1 || this.#focusedRow() !== -1) return
    if (entries.length > 0) this.#focus(stayingNear(before, focused, entries)?.after ?? 0)
    else this.#scroller.focus()
  }

  /** The row of the report that has the focus; -1 where none has. */
  #focusedRow(): number {
    const has = [...this.#shown].find(([, { title }]) => title === document.activeElement)
    return has ? this.#indexOf(has[0]) : -1
  }

  /** Moves the focus to the first report. */
  enter(): void {
    const first = this.#active === undefined ? 0 : this.#indexOf(this.#active)
    this.#focus(Math.max(0, first))
  }

  #indexOf(key: string): number {
    return this.#entries.findIndex((entry) => keyOf(entry) === key)
  }

  #draw(isPrinted = false): void {
    const { scrollTop, clientHeight } = this.#scroller
    const count = this.#entries.length
    const from = isPrinted ? 0 : Math.max(0, this.#layout.rowAt(scrollTop) - SPARE_ROWS)
    const seen = this.#layout.rowAt(scrollTop + clientHeight) + 1 + SPARE_ROWS
    const to = Math.min(count, isPrinted ? MOST_PRINTED : seen)
    const shown = new Map<string, Row>()
    for (let index = from; index < to; index++) this.#place(index, shown)
    this.#keepFocused(shown)
    for (const [key, row] of this.#shown) if (shown.get(key) !== row) row.element.remove()
    this.#shown = shown
    this.#arrange()
    this.#markActive()
    const top = this.#entries[firstSeen(this.#layout, scrollTop)]
    setText(this.#day, top && scrollTop > 0 ? dayInWords(top.date.slice(0, 10)) : '')
    this.#day.hidden = !top || scrollTop <= 0
  }

  #place(index: number, shown: Map<string, Row>): void {
    const entry = this.#entries[index] as Entry
    const key = keyOf(entry)
    const known = this.#shown.get(key)
    const row = known && isSame(known.entry, entry) ? known : makeRow(entry, this.#linkOf(entry))
    const ofDay = this.#layout.ofDay(index)
    row.update({ index, count: this.#entries.length, top: this.#layout.top(index), ofDay })
    row.element.classList.toggle('fresh', this.#fresh.has(key))
    if (known && known !== row) this.#replace(known, row)
    shown.set(key, row)
  }

  /** A report that changed keeps the focus that it had. */
  #replace(old: Row, row: Row): void {
    const hadFocus = old.title === document.activeElement
    old.element.replaceWith(row.element)
    if (hadFocus) row.title.focus({ preventScroll: true })
  }

  /** What has the focus stays, however far it is scrolled away. */
  #keepFocused(shown: Map<string, Row>): void {
    for (const [key, row] of this.#shown) {
      if (shown.has(key) || !row.element.contains(document.activeElement)) continue
      const index = this.#indexOf(key)
      if (index !== -1) this.#place(index, shown)
    }
  }

  /** Rows stand in the document as they are seen, for those who read it in its order. */
  #arrange(): void {
    const inOrder = [...this.#shown.values()].toSorted(
      (a, b) => Number(a.element.ariaPosInSet) - Number(b.element.ariaPosInSet)
    )
    let before: Element | null = null
    for (const { element } of inOrder) {
      const next: Element | null = before ? before.nextElementSibling : this.#rows.firstElementChild
      // What stands right is not touched: moving it would take its focus, and what is selected in it.
      if (next !== element) this.#rows.insertBefore(element, next)
      before = element
    }
  }

  /** One report can be reached by Tab: the last one that had the focus, or the first that is there. */
  #markActive(): void {
    const { scrollTop } = this.#scroller
    const isThere = this.#active !== undefined && this.#shown.has(this.#active)
    const first = this.#entries[firstSeen(this.#layout, scrollTop)]
    const active = isThere ? this.#active : first && keyOf(first)
    for (const [key, { title }] of this.#shown) title.tabIndex = key === active ? 0 : -1
  }

  #onFocus(target: Element): void {
    for (const [key, { title }] of this.#shown) if (title === target) this.#active = key
    this.#markActive()
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#active === undefined) return
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / REPORT_PX) - 1)
    const steps: Record<string, number> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page
    }
    const at = this.#indexOf(this.#active)
    const { key } = event
    const to =
      key === 'Home'
        ? 0
        : key === 'End'
          ? this.#entries.length - 1
          : Object.hasOwn(steps, key)
            ? at + (steps[key] as number)
            : undefined
    if (to === undefined) return
    event.preventDefault()
    this.#focus(Math.min(Math.max(0, to), this.#entries.length - 1))
  }

  #focus(index: number): void {
    const entry = this.#entries[index]
    if (!entry) return
    const [top, bottom] = [this.#layout.top(index), this.#layout.top(index + 1)]
    const { scrollTop, clientHeight } = this.#scroller
    if (top - DAY_PX < scrollTop)
      this.#scroller.scrollTop = top - (this.#layout.ofDay(index) > 0 ? 0 : DAY_PX)
    else if (bottom > scrollTop + clientHeight) this.#scroller.scrollTop = bottom - clientHeight
    this.#active = keyOf(entry)
    this.#draw()
    this.#shown.get(this.#active)?.title.focus({ preventScroll: true })
  }
}

/** The first row that is in sight: the bar with the day covers what lies above it. */
function firstSeen(layout: Layout, scrollTop: number): number {
  return layout.rowAt(scrollTop + DAY_PX)
}

function isSame(a: Entry, b: Entry): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
