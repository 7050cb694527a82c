import type { ReportFile } from '../decorators.js'
import { BaseSilent, Busy, ChildLost, OpenerLost, ReportGone, ReportUnreadable, Stopping } from '../errors.js'
import type { OpenerAnswer, OpenerQuestion, OpenerTalk } from '../opener-messages.js'
import type { Settings } from '../settings.js'
import { Child } from './child.js'

export interface ReportOpenerOptions {
  /** The main module of the process that opens reports. */
  main: URL
  settings: Settings
  /** Threads for the calls of one base. */
  threadsPerBase: number
}

/** Threads for what is no base's. */
const SPARE_THREADS = 2
/** It gives a sign whatever its bases do; milliseconds. */
const SILENCE_MS = 10_000
/** So many requests wait for one base: one that hangs costs no more. */
const MOST_WAITING = 32
/** So many reports are open at once. */
const MOST_OPEN = 256
/** So much is read at once, in bytes. */
const PART_BYTES = 1 << 18

/** The process that opens reports, seen from its parent; started when the first one is asked for. */
export class ReportOpener {
  readonly #options: ReportOpenerOptions
  readonly #waiting = new Map<string, number>()
  #child: Child<OpenerTalk> | undefined
  #open = 0
  readonly #over = new AbortController()

  constructor(options: ReportOpenerOptions) {
    this.#options = options
  }

  /** @throws ReportGone, ReportUnreadable, BaseSilent, Busy, Stopping */
  async open(base: string, rel: string): Promise<ReportFile> {
    if (this.#over.signal.aborted) throw new Stopping()
    const waiting = this.#waiting.get(base) ?? 0
    if (waiting >= MOST_WAITING || this.#open >= MOST_OPEN)
      throw new Busy(`${waiting} requests for reports of the base ${base}, ${this.#open} open reports`)
    this.#waiting.set(base, waiting + 1)
    this.#open++
    try {
      const child = this.#running()
      const asked = child.ask({ type: 'open', base, rel })
      const answer = await this.#inTime(base, asked, (late) => {
        if (late.type === 'opened') child.tell({ type: 'close', handle: late.report.handle })
      })
      return this.#fileOf(base, rel, child, answer)
    } catch (error) {
      this.#open--
      throw error
    } finally {
      this.#waiting.set(base, (this.#waiting.get(base) ?? 1) - 1)
    }
  }

  /** Refuses what is asked from now on, and what still waits for a base; reports that are being sent go on. */
  refuse(): void {
    this.#over.abort()
  }

  /** Gives the process up, whatever it does. */
  stop(): void {
    this.refuse()
    this.#child?.leave('the opener was given up')
  }

  #running(): Child<OpenerTalk> {
    if (this.#child && !this.#child.isLost) return this.#child
    const { main, settings, threadsPerBase } = this.#options
    this.#child = new Child<OpenerTalk>({
      main,
      threads: settings.bases.length * threadsPerBase + SPARE_THREADS,
      silenceMs: SILENCE_MS,
      hear() {}
    })
    this.#child.tell({ type: 'settings', settings })
    return this.#child
  }

  #fileOf(base: string, rel: string, child: Child<OpenerTalk>, answer: OpenerAnswer): ReportFile {
    if (answer.type !== 'opened') throw problemOf(base, rel, answer)
    const { report } = answer
    let isOpen = true
    const close = () => {
      if (!isOpen) return
      isOpen = false
      this.#open--
      child.tell({ type: 'close', handle: report.handle })
    }
    const readPart = async (from: number, length: number): Promise<Buffer> => {
      const question: OpenerQuestion = { type: 'read', handle: report.handle, from, length }
      const part = await this.#inTime(base, child.ask(question), () => {}, false)
      if (part.type !== 'bytes') throw problemOf(base, rel, part)
      // A Buffer arrives as plain bytes.
      return Buffer.from(part.bytes.buffer, part.bytes.byteOffset, part.bytes.byteLength)
    }
    async function* bytes(from: number, to: number): AsyncGenerator<Buffer> {
      try {
        for (let at = from; at < to; ) {
          const part = await readPart(at, Math.min(PART_BYTES, to - at))
          if (part.length === 0) throw new ReportUnreadable(rel, base, 'it became shorter while it was sent')
          yield part
          at += part.length
        }
      } finally {
        close()
      }
    }
    return { ...report, bytes, close }
  }

  /** An answer, or an error where there is none within the time limit; what comes later is handed to `late`. */
  async #inTime(
    base: string,
    asked: Promise<OpenerAnswer>,
    late: (answer: OpenerAnswer) => void,
    mayRefuse = true
  ): Promise<OpenerAnswer> {
    const { signal } = this.#over
    let timer: NodeJS.Timeout | undefined
    let refuse = () => {}
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new BaseSilent(base)), this.#options.settings.timeoutMs)
      refuse = () => reject(new Stopping())
      if (mayRefuse) signal.addEventListener('abort', refuse)
    })
    try {
      return await Promise.race([asked, limit])
    } catch (error) {
      asked.then(late, () => {})
      throw error instanceof ChildLost ? new OpenerLost() : error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', refuse)
    }
  }
}

function problemOf(base: string, rel: string, answer: OpenerAnswer): Error {
  if (answer.type === 'gone') return new ReportGone(rel, base)
  if (answer.type === 'failed') return new ReportUnreadable(rel, base, answer.reason)
  return new BaseSilent(base)
}
