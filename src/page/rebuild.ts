import { ReportsIndexClient, ReportsIndexError, type Ticket } from '../client/index.js'
import { byId, make, setText } from './dom.js'
import { counted, numbered } from './words.js'

const TOKEN = 'reports-index-token'
/** How a build goes is asked so often, in milliseconds; what it brought is told so long. */
const ASK_MS = 200
const TOLD_MS = 6000

/** Has the reports looked at, and tells how that goes. */
export class Rebuilder {
  readonly #button = byId('rebuild', HTMLButtonElement)
  readonly #baseUrl: string
  readonly #work = byId('work', HTMLElement)
  #isBusy = false
  #forget: number | undefined

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl
  }

  async rebuild(): Promise<void> {
    if (this.#isBusy) return
    this.#busy(true)
    clearTimeout(this.#forget)
    try {
      this.#tell('Rebuilding…', 0)
      const ticket = await this.#build()
      if (ticket) this.#tell(outcomeOf(ticket))
      else this.#work.replaceChildren()
    } catch (error) {
      this.#tell(`The rebuild failed: ${(error as Error).message}.`)
    } finally {
      this.#busy(false)
      this.#forget = setTimeout(() => this.#work.replaceChildren(), TOLD_MS)
    }
  }

  /** @returns undefined where the reader would give no token */
  async #build(): Promise<Ticket | undefined> {
    let token = sessionStorage.getItem(TOKEN)
    for (;;) {
      try {
        const client = new ReportsIndexClient({ baseUrl: this.#baseUrl, ...(token !== null && { token }) })
        const { id } = await client.requestRebuild()
        if (token !== null) sessionStorage.setItem(TOKEN, token)
        return await this.#follow(client, id)
      } catch (error) {
        // What can not even be sent was no token, either.
        const isWrong =
          error instanceof ReportsIndexError &&
          (error.status === 401 || (token !== null && !isSendable(token)))
        if (!isWrong) throw error
        sessionStorage.removeItem(TOKEN)
        const given = await askForToken(token !== null)
        if (given === undefined) return undefined
        token = given
      }
    }
  }

  async #follow(client: ReportsIndexClient, id: string): Promise<Ticket> {
    for (;;) {
      const ticket = await client.rebuildTicket(id)
      if (ticket.state === 'done' || ticket.state === 'failed') return ticket
      const { bases = [], step = 'waiting for the running one' } = ticket.progress ?? {}
      const sum = (of: (base: (typeof bases)[number]) => number | undefined) =>
        bases.reduce((all, base) => all + (of(base) ?? 0), 0)
      const [files, read, expected] = [
        sum((base) => base.files),
        sum((base) => base.read),
        sum((base) => base.expected)
      ]
      const done = ticket.progress ? Math.min(0.95, files / Math.max(1, expected)) : 0
      this.#tell(`Rebuilding (${step}): ${numbered(files)} looked at, ${numbered(read)} read`, done)
      await new Promise((resolve) => setTimeout(resolve, ASK_MS))
    }
  }

  /** @param done from 0 to 1; absent: it is over, and told to those who listen, too */
  #tell(text: string, done?: number): void {
    const bar = done === undefined ? undefined : progressOf(this.#work, done)
    if (!bar) setText(byId('news', HTMLElement), text)
    this.#work.replaceChildren(make('p', '', `${text} `, ...(bar ? [bar] : [])))
  }

  // A disabled button would lose the focus.
  #busy(isBusy: boolean): void {
    this.#isBusy = isBusy
    this.#button.setAttribute('aria-disabled', String(isBusy))
  }
}

/** The bar that is there already, so that it does not jump, or a new one. */
function progressOf(work: Element, done: number): HTMLProgressElement {
  const bar = work.querySelector('progress') ?? make('progress')
  bar.ariaLabel = 'Progress of the rebuild'
  bar.value = done
  return bar
}

function outcomeOf({ result, error }: Ticket): string {
  if (!result) return `The rebuild failed: ${error?.message ?? 'for no known reason'}.`
  const { count, added, updated, removed, warnings, durationMs } = result
  const warned = warnings.length === 0 ? '' : `, ${counted(warnings.length, 'warning')}`
  return `Rebuilt in ${(durationMs / 1000).toFixed(2)} s: ${counted(count, 'report')}; ${added} added, ${updated} updated, ${removed} removed${warned}.`
}

/** Whether a text can stand in a header. */
function isSendable(token: string): boolean {
  return /^[!-~]+$/.test(token)
}

/** @param isAgain whether one was given that is wrong */
function askForToken(isAgain: boolean): Promise<string | undefined> {
  const dialog = byId('ask-token', HTMLDialogElement)
  const input = byId('token', HTMLInputElement)
  input.value = ''
  byId('wrong', HTMLElement).hidden = !isAgain
  dialog.returnValue = ''
  byId('no-token', HTMLElement).addEventListener('click', () => dialog.close(''), { once: true })
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'ok' ? input.value : undefined), {
      once: true
    })
  })
}
