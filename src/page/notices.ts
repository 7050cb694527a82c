import type { Health } from '../schemas/health.js'
import { byId, make, setText } from './dom.js'
import { lengthInWords, momentInWords } from './words.js'

const MANIFEST: Record<Exclude<Health['manifest']['status'], 'ok'>, string> = {
  missing: 'is not there.',
  corrupt: 'is damaged.',
  unreadable: 'can not be read: give the service access to it, and see its log.',
  late: 'gives no answer, since its file system hangs: better keep it on a local disk (REPORTS_INDEX_MANIFEST).'
}

/** One thing to know, and what to do. */
export interface Notice {
  about: string
  text: string
}

/** What is wrong, in plain words; nothing where all is well. */
export function noticesOf({ manifest, bases, builder }: Health): Notice[] {
  const notices: Notice[] = []
  for (const { name, status, scannedAt, error } of bases) {
    if (status === 'ok') continue
    if (status === 'pending') {
      if (manifest.status !== 'ok')
        notices.push({ about: name, text: 'was not looked at yet; the first build does so.' })
      continue
    }
    const state = status === 'suspect' ? 'has lost too many reports to believe it' : 'can not be looked at'
    const since =
      scannedAt === null ? 'it was never seen' : `it was last seen whole ${momentInWords(scannedAt)}`
    const why = error === null ? '' : ` ${sentence(error)}`
    const then =
      status === 'suspect'
        ? ''
        : ' Look at its folder or mount; when it answers again, the next build sees so.'
    notices.push({ about: name, text: `${state}; ${since}.${why}${then}` })
  }
  if (manifest.status !== 'ok') {
    const isMended = ['missing', 'corrupt'].includes(manifest.status) && builder.lastError === null
    const mended = isMended ? ' A build that makes it anew begins by itself.' : ''
    const since =
      manifest.checkedAt === null
        ? ''
        : ` What you see is the last good listing, of ${momentInWords(manifest.checkedAt)}.`
    notices.push({ about: 'The manifest', text: `${MANIFEST[manifest.status]}${mended}${since}` })
  }
  if (builder.lastError !== null)
    notices.push({ about: 'The last build', text: `failed. ${sentence(builder.lastError)}` })
  return notices
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

/** The state of the service: a line when something is wrong, and how old the listing is. */
export class State {
  readonly #notices = byId('notices', HTMLElement)
  #health: Health | undefined
  #askedAt = 0
  #lostAt: number | undefined
  #reason: string | undefined

  constructor() {
    setInterval(() => this.#tellAge(), 1000)
  }

  heard(health: Health): void {
    this.#health = health
    this.#askedAt = performance.now()
    this.#lostAt = undefined
    this.#draw()
  }

  /** The service gives no answer. */
  lost(): void {
    this.#lostAt ??= Date.now()
    this.#draw()
  }

  /** Nothing will be told of the listing any more. */
  ended(reason: string): void {
    this.#reason = reason
    this.#draw()
  }

  #draw(): void {
    const lines = this.#health ? noticesOf(this.#health) : []
    if (this.#lostAt !== undefined) {
      const since = momentInWords(new Date(this.#lostAt).toISOString())
      lines.unshift({
        about: 'The service',
        text: `gives no answer since ${since}. What you see may be old; it is asked again.`
      })
    }
    if (this.#reason !== undefined)
      lines.push({
        about: 'This page',
        text: `shows nothing new any more. ${sentence(this.#reason)} Load it again.`
      })
    const elements = lines.map(({ about, text }) =>
      make('p', '', make('b', '', make('bdi', '', about)), ` ${text}`)
    )
    const isNews = elements.map((each) => each.textContent).join('\n') !== this.#notices.dataset['told']
    if (isNews) {
      this.#notices.replaceChildren(...elements)
      this.#notices.dataset['told'] = elements.map((each) => each.textContent).join('\n')
    }
    const isWell = this.#health?.status === 'ok' && this.#lostAt === undefined
    byId('fresh', HTMLElement).className =
      this.#health || this.#lostAt !== undefined ? (isWell ? 'ok' : 'degraded') : ''
    this.#tellAge()
  }

  #tellAge(): void {
    if (!this.#health) return
    const { ageSeconds } = this.#health.manifest
    if (ageSeconds === null) setText(byId('age', HTMLElement), 'no listing yet')
    else {
      const age = ageSeconds + (performance.now() - this.#askedAt) / 1000
      setText(byId('age', HTMLElement), age < 2 ? 'checked just now' : `checked ${lengthInWords(age)} ago`)
    }
  }
}
