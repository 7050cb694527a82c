import { type Entry, type Followed, ReportsIndexClient } from '../client/index.js'
import { reportLink } from '../services/report-link.js'
import { Chart } from './chart.js'
import { Choices } from './choices.js'
import { byId, setText } from './dom.js'
import { type Filters, filtersIn, filtersSet, NO_FILTERS, queryOf } from './filters.js'
import { List } from './list.js'
import { Live } from './live.js'
import { State } from './notices.js'
import { Rebuilder } from './rebuild.js'
import { keyOf } from './rows.js'
import { prepareSearch, viewOf } from './view.js'
import { counted, numbered } from './words.js'

/** What the service tells its page. */
export interface PageSettings {
  /** Where links lead: a template; absent: nowhere. */
  reportUrl?: string
  /** Markdown reports can be shown as pages. */
  rendered?: boolean
  /** A rebuild needs a token. */
  guarded?: boolean
}

/** So many reports are shown before the whole listing is there. */
const FIRST = 300
/** How the service is, is asked so often, in milliseconds. */
const HEALTH_MS = 10_000
const settings: PageSettings = JSON.parse(
  document.querySelector<HTMLMetaElement>('meta[name=reports-index]')?.content || '{}'
)
const { href, pathname: baseUrl } = new URL('.', location.href)
const client = new ReportsIndexClient({ baseUrl })

let reports: readonly Entry[] = []
/** Where only the first ones are there yet: how many there are. */
let total: number | undefined
let known: Followed | undefined
let filters = filtersIn(location.search)

const list = new List(linkOf)
const chart = new Chart((days) => choose(days))
const bases = new Choices('bases', (base) => choose({ base }))
const types = new Choices('types', (type) => choose({ type }))
const state = new State({ service: href, guarded: settings.guarded === true })
const rebuilder = new Rebuilder(baseUrl)
const search = byId('q', HTMLInputElement)
const from = byId('from', HTMLInputElement)
const to = byId('to', HTMLInputElement)
byId('rebuild', HTMLElement).addEventListener('click', () => void rebuilder.rebuild())

function linkOf(entry: Entry): string | undefined {
  const { reportUrl, rendered } = settings
  if (reportUrl === undefined) return undefined
  const link = reportLink(reportUrl, entry)
  const isMarkdown = /\.(?:md|markdown)$/i.test(entry.rel)
  return link !== undefined && rendered && isMarkdown ? `${link}?view=rendered` : link
}

/** @param isOther whether another part of the listing is asked for */
function show(isOther: boolean, fresh: ReadonlySet<string> = new Set()): void {
  const view = viewOf(reports, filters)
  list.show(view.shown, isOther, fresh)
  byId('nothing', HTMLElement).hidden = view.shown.length > 0 || reports.length === 0
  byId('none', HTMLElement).hidden = reports.length > 0 || !known
  chart.show(view.days, filters)
  bases.show(view.bases, filters.base)
  types.show(view.types, filters.type)
  const all = counted(total ?? reports.length, 'report')
  const isFiltered = queryOf(filters) !== ''
  const count = total === undefined ? numbered(view.shown.length) : 'some'
  setText(byId('count', HTMLElement), isFiltered ? `${count} of ${all}` : all)
  const isSet = filtersSet(filters)
  setText(byId('active', HTMLElement), isSet > 0 ? ` (${isSet})` : '')
  byId('clear', HTMLElement).hidden = !isFiltered
}

/** Fields that say something else than what is filtered by; one that is being written in is left alone. */
function fill(): void {
  for (const [field, text] of [
    [search, filters.q],
    [from, filters.from],
    [to, filters.to]
  ] as const)
    if (field.value !== text) field.value = text
}

function choose(change: Partial<Filters>, isTyped = false): void {
  if (Object.entries(change).every(([name, value]) => filters[name as keyof Filters] === value)) return
  filters = { ...filters, ...change }
  const address = queryOf(filters) || location.pathname
  if (isTyped) history.replaceState(null, '', address)
  else if (queryOf(filters) !== location.search) history.pushState(null, '', address)
  if (!isTyped) fill()
  show(true)
}

function clear(): void {
  choose(NO_FILTERS)
  search.focus()
}

search.addEventListener('input', () => choose({ q: search.value }, true))
for (const [field, name] of [
  [from, 'from'],
  [to, 'to']
] as const) {
  // A year is typed digit by digit, and each makes a day: none before the year 1000 is taken for one that is meant yet,
  // and all of them are one step of the history.
  let isAgain = false
  const takeDay = () => {
    if (filters[name] === field.value) return
    choose({ [name]: field.value }, isAgain)
    isAgain = true
  }
  field.addEventListener('focus', () => (isAgain = false))
  field.addEventListener('change', () => {
    if (field.value === '' || field.value >= '1000') takeDay()
  })
  field.addEventListener('blur', takeDay)
}
byId('clear', HTMLElement).addEventListener('click', clear)
byId('clear-too', HTMLElement).addEventListener('click', clear)
byId('filters', HTMLElement).addEventListener('submit', (event) => event.preventDefault())
addEventListener('popstate', () => {
  filters = filtersIn(location.search)
  fill()
  show(true)
})
document.addEventListener('keydown', (event) => {
  const { key, target } = event
  const isWriting = target instanceof HTMLInputElement && target.type !== 'checkbox'
  if (key === '/' && !isWriting && !event.ctrlKey && !event.metaKey) {
    event.preventDefault()
    search.focus()
    search.select()
  }
  if (target !== search) return
  if (key === 'Escape' && search.value !== '') choose({ q: '' })
  if (key === 'ArrowDown' || key === 'Enter') {
    event.preventDefault()
    list.enter()
  }
})
const more = byId('more', HTMLDetailsElement)
const summary = byId('fold', HTMLElement)
let isSmall: boolean | undefined
/** In a small window, which is where the style shows the summary, the filters begin folded; elsewhere there is room. */
function fold(): void {
  const isSmallNow = getComputedStyle(summary).display !== 'none'
  if (isSmallNow === isSmall) return
  isSmall = isSmallNow
  if (!more.contains(document.activeElement)) more.open = !isSmall
}
addEventListener('resize', fold)
fold()
fill()
byId('no-links', HTMLElement).hidden = settings.reportUrl !== undefined

/** What was not listed before. */
function freshIn({ changes }: Followed): Set<string> {
  if (!changes || !known) return new Set()
  const upserted = new Set(changes.upserted.map(keyOf))
  for (const entry of known.reports) upserted.delete(keyOf(entry))
  return upserted
}

function take(followed: Followed): void {
  const fresh = freshIn(followed)
  known = followed
  reports = followed.reports
  total = undefined
  show(false, fresh)
  const names =
    followed.changes?.upserted.filter((entry) => fresh.has(keyOf(entry))).map(({ title }) => title) ?? []
  if (names.length > 0)
    setText(
      byId('news', HTMLElement),
      `${counted(names.length, 'new report')}: ${names.slice(0, 3).join(', ')}`
    )
  prepareSearch(reports)
  void hear()
}

async function hear(): Promise<void> {
  try {
    state.heard(await client.health())
  } catch {
    state.lost()
  }
}

/** The first reports at once: the whole listing may take its time. */
async function begin(): Promise<void> {
  const first = await client.list({ limit: FIRST })
  if (known) return
  reports = first.reports
  if (first.total > first.count) total = first.total
  show(true)
}

const live = new Live(client, {
  known: () => known,
  take,
  seen: () => void hear(),
  ended: (reason) => state.ended(reason)
})
setInterval(() => {
  if (!document.hidden) void hear()
}, HEALTH_MS)
begin().catch(() => {}) // who follows asks again
live.begin()
