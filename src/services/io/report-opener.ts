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
/** So many reports of one base are open or asked for at once. */
const MOST_OPEN = 500
/** A base that owes an answer for so long is late, in milliseconds; then so many may wait for it: one that hangs costs no more. */
const LATE_MS = 1000
const MOST_WAITING = 32
/** So much is read at once, in bytes. */
const PART_BYTES = 1 << 18

/** What is asked of one base. */
interface Traffic {
  /** Requests that wait for an answer, the oldest first. */
  waiting: Set<{ since: number }>
  open: number
}

/** @throws Busy */
function checkRoom(base: string, { waiting, open }: Traffic): void {
  const [oldest] = waiting
  const isLate = oldest !== undefined && performance.now() - oldest.since > LATE_MS
  if (waiting.size >= (isLate ? MOST_WAITING : MOST_OPEN) || open + waiting.size >= MOST_OPEN)
    throw new Busy(`${waiting.size} requests for reports of the base ${base}, and ${open} open ones`)
}

/** The process that opens reports, seen from its parent; started when the first one is asked for. */
export class ReportOpener {
  readonly #options: ReportOpenerOptions
  readonly #traffic: Map<string, Traffic>
  #child: Child<OpenerTalk> | undefined
  /** How to refuse each of those that wait. */
  readonly #refusals = new Set<() => void>()
  #isOver = false

  constructor(options: ReportOpenerOptions) {
    this.#options = options
    this.#traffic = new Map(options.settings.bases.map(({ name }) => [name, { waiting: new Set(), open: 0 }]))
  }

  /** @throws ReportGone, ReportUnreadable, BaseSilent, Busy, Stopping */
  async open(base: string, rel: string): Promise<ReportFile> {
    if (this.#isOver) throw new Stopping()
    const traffic = this.#traffic.get(base)
    if (!traffic) throw new ReportGone(rel, base)
    checkRoom(base, traffic)
    const wait = { since: performance.now() }
    traffic.waiting.add(wait)
    try {
      const child = this.#running()
      const asked = child.ask({ type: 'open', base, rel })
      const answer = await this.#inTime(base, asked, (late) => {
        if (late.type === 'opened') child.tell({ type: 'close', handle: late.report.handle })
      })
      return this.#fileOf(base, rel, child, answer, traffic)
    } finally {
      traffic.waiting.delete(wait)
    }
  }

  /** Refuses what is asked from now on, and what still waits for a base; reports that are being sent go on. */
  refuse(): void {
    this.#isOver = true
    for (const refuse of this.#refusals) refuse()
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

  #fileOf(
    base: string,
    rel: string,
    child: Child<OpenerTalk>,
    answer: OpenerAnswer,
    traffic: Traffic
  ): ReportFile {
    if (answer.type !== 'opened') throw problemOf(base, rel, answer)
    const { report } = answer
    let isOpen = true
    traffic.open++
    const close = () => {
      if (!isOpen) return
      isOpen = false
      traffic.open--
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
    let timer: NodeJS.Timeout | undefined
    let refuse = () => {}
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new BaseSilent(base)), this.#options.settings.timeoutMs)
      refuse = () => reject(new Stopping())
      if (mayRefuse) this.#refusals.add(refuse)
    })
    try {
      return await Promise.race([asked, limit])
    } catch (error) {
      asked.then(late, () => {})
      throw error instanceof ChildLost ? new OpenerLost() : error
    } finally {
      clearTimeout(timer)
      this.#refusals.delete(refuse)
    }
  }
}

function problemOf(base: string, rel: string, answer: OpenerAnswer): Error {
  if (answer.type === 'gone') return new ReportGone(rel, base)
  if (answer.type === 'failed') return new ReportUnreadable(rel, base, answer.reason)
  return new BaseSilent(base)
}
