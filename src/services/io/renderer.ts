import pLimit from 'p-limit'
import { Busy, ChildLost, NotRendered } from '../errors.js'
import { digestOf } from '../etag.js'
import type { MarkdownReport } from '../markdown-page.js'
import type { RendererTalk } from '../renderer-messages.js'
import { Child } from './child.js'

/** A report that takes longer is given up, and its process with it; milliseconds. */
const SILENCE_MS = 5000
/** So much waits for its pages, in bytes. */
const MOST_WAITING = 64 << 20
/** What a page is made in, in MiB. */
const MOST_MEMORY = 512
/** So many reports that took too long are remembered, and not tried again. */
const MOST_REFUSED = 100
const THREADS = 1

/** The process that makes pages of Markdown, seen from its parent; started when the first one is asked for. */
export class Renderer {
  readonly #main: URL
  /** One after the other, so that who takes too long costs nobody else his page. */
  readonly #inTurn = pLimit(1)
  readonly #refused = new Set<string>()
  #child: Child<RendererTalk> | undefined
  #waiting = 0
  #stopped = false

  /** @param main the process's main module */
  constructor(main: URL) {
    this.#main = main
  }

  /** @throws NotRendered, Busy */
  async render(report: MarkdownReport): Promise<string> {
    const { length } = report.bytes
    if (this.#waiting + length > MOST_WAITING)
      throw new Busy(`${this.#waiting} bytes of reports that are to be shown`)
    this.#waiting += length
    try {
      return await this.#inTurn(() => this.#render(report))
    } finally {
      this.#waiting -= length
    }
  }

  stop(): void {
    this.#stopped = true
    this.#child?.leave('the renderer was given up')
  }

  async #render(report: MarkdownReport): Promise<string> {
    const digest = digestOf(report.bytes)
    if (this.#refused.has(digest) || this.#stopped) throw new NotRendered(TOO_LONG)
    try {
      return await this.#running().ask(report)
    } catch (cause) {
      if (!this.#stopped) this.#refuse(digest)
      throw new NotRendered(cause instanceof ChildLost ? TOO_LONG : (cause as Error).message)
    }
  }

  #refuse(digest: string): void {
    const [oldest] = this.#refused
    if (this.#refused.size >= MOST_REFUSED && oldest !== undefined) this.#refused.delete(oldest)
    this.#refused.add(digest)
  }

  #running(): Child<RendererTalk> {
    if (!this.#child || this.#child.isLost) {
      const [main, mostMemory] = [this.#main, MOST_MEMORY]
      this.#child = new Child({ main, mostMemory, threads: THREADS, silenceMs: SILENCE_MS, hear() {} })
    }
    return this.#child
  }
}

const TOO_LONG = 'it takes too long, or too much memory'
