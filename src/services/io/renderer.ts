import { LRUCache } from 'lru-cache'
import { Busy, ChildLost, NotRendered } from '../errors.js'
import { digestOf } from '../etag.js'
import type { Asker } from '../fair-queue.js'
import { Lanes } from '../lanes.js'
import { type MarkdownReport, TOO_DEEP, TOO_LARGE } from '../markdown-report.js'
import type { RendererTalk } from '../renderer-messages.js'
import { Child } from './child.js'

/** A report that takes longer is given up, and its process with it; milliseconds. */
const SILENCE_MS = 5000
/** Who stands in line for so long is sent away, in milliseconds. */
const PATIENCE_MS = 15_000
/** So much waits for its pages, in bytes. */
const MOST_WAITING = 64 << 20
/** Pages that were made lately are kept, up to so many characters. */
const MOST_KEPT = 16 << 20
/** What a page is made in, in MiB. */
const MOST_MEMORY = 512
/** So many reports that can not be shown are remembered, and not tried again. */
const MOST_REFUSED = 100
/** A page that takes longer waits for all others the next time, in milliseconds; so many are remembered. */
const SLOW_MS = 100
const MAX_SLOW = 10_000
/** One that was not made yet counts as slow from so many bytes on. */
const MIN_SLOW_BYTES = 64 << 10
const THREADS = 1

/** A page that is made for all who ask for it meanwhile. */
interface Making {
  page: Promise<string>
  /** How many still wait. */
  waiting: number
}

/** The process that makes pages of Markdown, seen from its parent; started when the first one is asked for. */
export class Renderer {
  readonly #main: URL
  /** One after the other, so that who takes too long costs nobody else his page. */
  readonly #inTurn = new Lanes()
  readonly #making = new Map<string, Making>()
  readonly #kept = new LRUCache<string, string>({
    maxSize: MOST_KEPT,
    sizeCalculation: ({ length }) => length + 1
  })
  /** Pages that took long when they were last made. */
  readonly #slow = new LRUCache<string, boolean>({ max: MAX_SLOW })
  readonly #refused = new LRUCache<string, string>({ max: MOST_REFUSED })
  #child: Child<RendererTalk> | undefined
  #waiting = 0
  #stopped = false

  /** @param main the process's main module */
  constructor(main: URL) {
    this.#main = main
  }

  /**
   * @param asker whose turn it takes, until that has gone
   * @throws NotRendered, Busy
   */
  async render(report: MarkdownReport, asker: Asker): Promise<string> {
    const key = digestOf(JSON.stringify([report.entry, report.cut]), report.bytes)
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const refused = this.#refused.get(key)
    if (refused !== undefined || this.#stopped) throw new NotRendered(refused ?? 'the service is stopping')
    const making = this.#making.get(key) ?? this.#begin(key, report, asker.caller)
    return await wait(making, asker.signal)
  }

  stop(): void {
    this.#stopped = true
    this.#child?.leave('the renderer was given up')
  }

  #begin(key: string, report: MarkdownReport, caller: object): Making {
    const { length } = report.bytes
    if (this.#waiting + length > MOST_WAITING)
      throw new Busy(`${this.#waiting} bytes of reports that are to be shown`)
    this.#waiting += length
    const page = this.#inTurn
      .run(this.#slow.get(key) ?? length >= MIN_SLOW_BYTES, caller, async () => {
        // Nobody wants it any more: those behind it need not wait.
        if (making.waiting === 0) throw new Busy('nobody waits')
        return await this.#render(key, report)
      })
      .finally(() => {
        this.#waiting -= length
        this.#making.delete(key)
      })
    page.catch(() => {}) // all who waited may have gone
    const making: Making = { page, waiting: 0 }
    this.#making.set(key, making)
    return making
  }

  async #render(key: string, report: MarkdownReport): Promise<string> {
    const began = performance.now()
    try {
      const page = await this.#running().ask(report)
      this.#slow.set(key, performance.now() - began > SLOW_MS)
      this.#kept.set(key, page)
      return page
    } catch (cause) {
      const told = [TOO_LARGE, TOO_DEEP].find((reason) => reason === (cause as Error).message)
      const reason = cause instanceof ChildLost ? TOO_LONG : (told ?? ODD)
      if (!this.#stopped) this.#refused.set(key, reason)
      throw new NotRendered(reason)
    }
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
const ODD = 'it can not be read as Markdown'

/** @throws Busy when that takes too long, or who asked has gone */
async function wait(making: Making, signal: AbortSignal): Promise<string> {
  making.waiting++
  let timer: NodeJS.Timeout | undefined
  let leave = () => {}
  const tooLong = new Promise<never>((_resolve, reject) => {
    leave = () => reject(new Busy('other reports are being shown'))
    timer = setTimeout(leave, PATIENCE_MS)
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
  })
  try {
    return await Promise.race([making.page, tooLong])
  } finally {
    making.waiting--
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
}
