import { byId, setText } from './dom.js'
import type { Filters } from './filters.js'
import { type Period, periodsOf } from './periods.js'
import { counted, dayInWords } from './words.js'

const SVG = 'http://www.w3.org/2000/svg'
const HEIGHT = 100

/** Reports over time. A click on a bar filters by its days, and again by none; a drag filters by all that it goes over. */
export class Chart {
  readonly #svg = byId('chart', SVGSVGElement)
  readonly #choose: (days: Pick<Filters, 'from' | 'to'>) => void
  #periods: Period[] = []
  #chosen: Pick<Filters, 'from' | 'to'> = { from: '', to: '' }
  #drag: { from: number; to: number } | undefined

  constructor(choose: (days: Pick<Filters, 'from' | 'to'>) => void) {
    this.#choose = choose
    const svg = this.#svg
    svg.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || this.#periods.length === 0) return
      svg.setPointerCapture(event.pointerId)
      this.#drag = { from: this.#placeOf(event), to: this.#placeOf(event) }
      this.#draw()
    })
    svg.addEventListener('pointermove', (event) => {
      if (this.#drag) this.#drag.to = this.#placeOf(event)
      this.#tell(this.#drag ?? { from: this.#placeOf(event), to: this.#placeOf(event) })
      if (this.#drag) this.#draw()
    })
    svg.addEventListener('pointerup', () => this.#drop())
    svg.addEventListener('pointercancel', () => {
      this.#drag = undefined
      this.#draw()
    })
    svg.addEventListener('pointerleave', () => setText(byId('shown', HTMLElement), ''))
  }

  show(days: ReadonlyMap<string, number>, chosen: Pick<Filters, 'from' | 'to'>): void {
    this.#chosen = chosen
    // While something is dragged over, it stays what it is.
    if (!this.#drag) this.#periods = periodsOf(days)
    this.#draw()
  }

  #draw(): void {
    const periods = this.#periods
    const most = Math.max(1, ...periods.map(({ count }) => count))
    this.#svg.setAttribute('viewBox', `0 0 ${Math.max(1, periods.length)} ${HEIGHT}`)
    const brush = this.#drag && ordered(this.#drag)
    const bars = periods.map((period, index) => {
      const height = period.count === 0 ? 0 : Math.max(4, (period.count / most) * HEIGHT)
      const isIn = brush ? index >= brush.from && index <= brush.to : isChosen(period, this.#chosen)
      return rect(`bar${isIn ? ' in' : ''}`, index + 0.08, HEIGHT - height, 0.84, height)
    })
    if (brush) bars.unshift(rect('brush', brush.from, 0, brush.to - brush.from + 1, HEIGHT))
    this.#svg.replaceChildren(...bars)
    const [first, last] = [periods[0], periods.at(-1)]
    setText(byId('first', HTMLElement), first ? first.from : '')
    setText(byId('last', HTMLElement), last ? last.to : '')
    const all = periods.reduce((sum, { count }) => sum + count, 0)
    const label =
      first && last
        ? `${counted(all, 'report')} from ${first.from} to ${last.to}, at most ${most} at a time`
        : 'none'
    this.#svg.setAttribute(
      'aria-label',
      `Reports over time: ${label}. The fields From and To filter by days.`
    )
  }

  #placeOf({ clientX }: PointerEvent): number {
    const { left, width } = this.#svg.getBoundingClientRect()
    const place = Math.floor(((clientX - left) / width) * this.#periods.length)
    return Math.min(Math.max(0, place), this.#periods.length - 1)
  }

  #tell(places: { from: number; to: number }): void {
    const { from, to } = ordered(places)
    const [first, last] = [this.#periods[from], this.#periods[to]]
    if (!first || !last) return
    const count = this.#periods.slice(from, to + 1).reduce((sum, period) => sum + period.count, 0)
    const days = first.from === last.to ? dayInWords(first.from) : `${first.from} to ${last.to}`
    setText(byId('shown', HTMLElement), `${days}: ${counted(count, 'report')}`)
  }

  #drop(): void {
    if (!this.#drag) return
    const { from, to } = ordered(this.#drag)
    this.#drag = undefined
    const days = { from: this.#periods[from]?.from ?? '', to: this.#periods[to]?.to ?? '' }
    const isAgain = days.from === this.#chosen.from && days.to === this.#chosen.to
    this.#choose(isAgain ? { from: '', to: '' } : days)
  }
}

function isChosen({ from, to }: Period, chosen: Pick<Filters, 'from' | 'to'>): boolean {
  if (chosen.from === '' && chosen.to === '') return false
  return (chosen.from === '' || to >= chosen.from) && (chosen.to === '' || from <= chosen.to)
}

function ordered({ from, to }: { from: number; to: number }): { from: number; to: number } {
  return from <= to ? { from, to } : { from: to, to: from }
}

function rect(className: string, x: number, y: number, width: number, height: number): SVGRectElement {
  const element = document.createElementNS(SVG, 'rect')
  element.setAttribute('class', className)
  for (const [name, value] of Object.entries({ x, y, width, height }))
    element.setAttribute(name, String(value))
  return element
}
