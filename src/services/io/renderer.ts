import { Busy, ChildLost, NotRendered } from '../errors.js'
import type { MarkdownReport } from '../markdown-page.js'
import type { RendererTalk } from '../renderer-messages.js'
import { Child } from './child.js'

/** A report that takes longer is given up, and its process with it; milliseconds. */
const SILENCE_MS = 5000
/** So many wait for their pages. */
const MOST_WAITING = 16
const THREADS = 1

/** The process that makes pages of Markdown, seen from its parent; started when the first one is asked for. */
export class Renderer {
  readonly #main: URL
  #child: Child<RendererTalk> | undefined
  #waiting = 0

  /** @param main the process's main module */
  constructor(main: URL) {
    this.#main = main
  }

  /** @throws NotRendered, Busy */
  async render(report: MarkdownReport): Promise<string> {
    if (this.#waiting >= MOST_WAITING)
      throw new Busy(`${this.#waiting} reports that are to be shown as pages`)
    this.#waiting++
    try {
      return await this.#running().ask(report)
    } catch (cause) {
      const reason =
        cause instanceof ChildLost ? 'it takes too long, or stood behind one that did' : 'it is too deep'
      throw new NotRendered(reason)
    } finally {
      this.#waiting--
    }
  }

  stop(): void {
    this.#child?.leave('the renderer was given up')
  }

  #running(): Child<RendererTalk> {
    if (!this.#child || this.#child.isLost) {
      this.#child = new Child({ main: this.#main, threads: THREADS, silenceMs: SILENCE_MS, hear() {} })
    }
    return this.#child
  }
}
