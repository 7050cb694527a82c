import type { Health } from '../schemas/health.js'
import { byId, make, setText } from './dom.js'
import { lengthInWords, momentInWords } from './words.js'

const MANIFEST: Record<Exclude<Health['manifest']['status'], 'ok'>, string> = {
  missing: 'is not there.',
  corrupt: 'is damaged.',
  unreadable: 'cannot be read: give the service access to it, and see its log.',
  late: 'gives no answer, since its file system hangs: better keep it on a local disk (REPORTS_INDEX_MANIFEST).'
}

type Base = Health['bases'][number]

/** One thing to know, and what to do. */
export interface Notice {
  about: string
  text: string
  /** What does it, in any shell that reaches the service. */
  command?: string
}

/** The service as its reader reaches it. */
export interface Reached {
  /** Its address, with a slash at the end. */
  service: string
  /** A rebuild needs a token. */
  guarded: boolean
}

/** What is wrong, in plain words; nothing where all is well. */
export function noticesOf({ manifest, bases, builder }: Health, reached: Reached): Notice[] {
  const notices: Notice[] = []
  for (const base of bases) {
    if (base.status === 'suspect') notices.push(suspectNotice(base, reached))
    else if (base.status === 'unavailable') notices.push(unavailableNotice(base))
    else if (base.status === 'pending' && manifest.status !== 'ok')
      notices.push({ about: base.name, text: 'was not looked at yet; the first build does so.' })
  }
  if (manifest.status !== 'ok') {
    const isMended =
      ['missing', 'corrupt'].includes(manifest.status) &&
      builder.lastError === null &&
      manifest.notes.length === 0
    const mended = isMended ? ' A build that makes it anew begins by itself.' : ''
    const since =
      manifest.checkedAt === null
        ? ''
        : ` What you see is the last good listing, of ${momentInWords(manifest.checkedAt)}.`
    notices.push({ about: 'The manifest', text: `${MANIFEST[manifest.status]}${mended}${since}` })
  }
  for (const note of manifest.notes)
    notices.push({ about: 'The manifest', text: ending(note.replace(/^the manifest /, '')) })
  if (builder.lastError !== null)
    notices.push({ about: 'The last build', text: `failed. ${sentence(builder.lastError)}` })
  return notices
}

function suspectNotice({ name, error, ...base }: Base, reached: Reached): Notice {
  const text = `may be unmounted: too many of its reports are missing at once. ${lastSeen(base)}${why(error)}`
  const then = ` On any command line${reached.guarded ? ' where REPORTS_INDEX_TOKEN is set' : ''}:`
  return { about: name, text: text + then, command: acceptCommand(name, reached) }
}

function unavailableNotice({ name, error, ...base }: Base): Notice {
  const then = ' Look at its folder or mount; the first build after it answers again picks it up.'
  return { about: name, text: `cannot be read. ${lastSeen(base)}${why(error)}${then}` }
}

function lastSeen({ scannedAt, count }: Pick<Base, 'scannedAt' | 'count'>): string {
  if (scannedAt !== null) return `It was last seen whole ${momentInWords(scannedAt)}.`
  return count > 0 ? 'It is not known when it was last seen whole.' : 'No build has seen it whole yet.'
}

function why(error: string | null): string {
  return error === null ? '' : ` ${sentence(error)}`
}

/** Names of bases need no quotes, and an address from the browser holds no single ones. */
function acceptCommand(base: string, { service, guarded }: Reached): string {
  const token = guarded ? ' -H "authorization: Bearer $REPORTS_INDEX_TOKEN"' : ''
  return `curl -X POST '${service}rebuild' -H 'content-type: application/json'${token} -d '{"acceptRemovals":["${base}"]}'`
}

function sentence(text: string): string {
  return ending(`${text.charAt(0).toUpperCase()}${text.slice(1)}`)
}

function ending(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/** The state of the service: a line when something is wrong, and how old the listing is. */
export class State {
  readonly #notices = byId('notices', HTMLElement)
  readonly #reached: Reached
  #health: Health | undefined
  #askedAt = 0
  #lostAt: number | undefined
  #reason: string | undefined

  constructor(reached: Reached) {
    this.#reached = reached
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
    const lines = this.#health ? noticesOf(this.#health, this.#reached) : []
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
    const elements = lines.map(({ about, text, command }) => {
      const line = make('p', '', make('b', '', make('bdi', '', about)), ` ${text}`)
      if (command !== undefined) line.append(' ', make('code', '', command))
      return line
    })
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
