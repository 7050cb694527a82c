import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { promisify } from 'node:util'
import { isInUtf8 } from '../services/decode.js'
import { formatOf } from '../services/format.js'
import type { OpenerAnswer, OpenReport } from '../services/opener-messages.js'
import { type Select, selects } from '../services/select.js'
import type { Base } from '../services/settings.js'
import { describeFault, faultCode, isGone } from './faults.js'
import { atFile, realPathOf } from './file-below.js'
import { Gate, Silence } from './gate.js'
import { isDisk, type Mount, mountOf } from './mounts.js'
import type { Calls } from './pin.js'
import { trustIn } from './trust.js'

export interface ReportFilesOptions {
  bases: readonly Base[]
  select: Select
  timeoutMs: number
  /** Milliseconds since 1970. */
  now(): number
  mounts(): Mount[]
}

/** File calls of one base at once: so many threads a base that hangs keeps. */
export const CALLS_AT_ONCE = 4
/** So much of a text tells whether it is UTF-8, in bytes. */
const HEAD_BYTES = 65_536

// O_NONBLOCK: a FIFO that took the file's place since it was listed must not block.
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

const open = promisify(fs.open)
const fstat = promisify(fs.fstat)
const read = promisify(fs.read)
const close = promisify(fs.close)

interface Held {
  fd: number
  base: string
}

/** Reports, opened and read below their bases; no call blocks this process, and a base that hangs blocks no other. */
export class ReportFiles {
  readonly #options: ReportFilesOptions
  readonly #gates: Map<string, Gate>
  readonly #held = new Map<number, Held>()
  #handles = 0

  constructor(options: ReportFilesOptions) {
    this.#options = options
    this.#gates = new Map(options.bases.map(({ name }) => [name, new Gate(options.timeoutMs)]))
  }

  /** Opens a report: a regular file that the rules select, through no link below its base. */
  async open(base: string, rel: string): Promise<OpenerAnswer> {
    return await this.#try(base, async (calls) => {
      const root = this.#options.bases.find(({ name }) => name === base)?.root
      if (root === undefined || !selects(this.#options.select, rel)) return { type: 'gone' }
      const top = await realPathOf(root, calls)
      // A base that is away says nothing of its reports.
      const away = await calls(() => fs.promises.access(top)).then(() => undefined, describeFault)
      if (away !== undefined) return { type: 'failed', reason: away }
      const report = await atFile(rel, top, calls, (path) => this.#take(base, rel, top, path, calls))
      return report ? { type: 'opened', report } : { type: 'gone' }
    })
  }

  /** Reads on; fewer bytes than asked for at the end of the file alone. */
  async read(handle: number, from: number, length: number): Promise<OpenerAnswer> {
    const held = this.#held.get(handle)
    if (!held) return { type: 'gone' }
    return await this.#try(held.base, async (calls) => {
      const bytes = await calls(() => readAt(held.fd, from, length))
      return { type: 'bytes', bytes }
    })
  }

  /** Closes a report; a base that hangs is not waited for. */
  close(handle: number): void {
    const held = this.#held.get(handle)
    this.#held.delete(handle)
    if (held) void this.#try(held.base, (calls) => calls(() => close(held.fd)).then(() => ({ type: 'gone' })))
  }

  async #take(
    base: string,
    rel: string,
    top: string,
    path: string,
    calls: Calls
  ): Promise<OpenReport | undefined> {
    const fd = await calls(() => open(path, FLAGS))
    try {
      const stat = await calls(() => fstat(fd, { bigint: true }))
      if (!stat.isFile()) throw Object.assign(new Error('no file'), { code: 'ENOENT', syscall: 'open' })
      const mount = mountOf(top, this.#options.mounts())
      const trust = trustIn(mount?.type, isDisk(mount), this.#options.now())
      const { mtimeNs, ctimeNs, ino } = stat
      const facts = { isFile: true, size: Number(stat.size), mtimeNs, ctimeNs, ino }
      const isUtf8 = formatOf(rel) === 'pdf' || (await this.#isUtf8(fd, facts.size, calls))
      const handle = ++this.#handles
      this.#held.set(handle, { fd, base })
      return {
        handle,
        size: facts.size,
        mtimeMs: Number(stat.mtimeMs),
        state: digestOf(Object.values(trust.stamp(facts))),
        isSettled: !trust.isFresh(facts),
        isUtf8
      }
    } catch (error) {
      void calls(() => close(fd)).catch(() => {})
      throw error
    }
  }

  async #isUtf8(fd: number, size: number, calls: Calls): Promise<boolean> {
    const bytes = await calls(() => readAt(fd, 0, Math.min(size, HEAD_BYTES)))
    return isInUtf8({ bytes, cut: size > HEAD_BYTES })
  }

  async #try(base: string, work: (calls: Calls) => Promise<OpenerAnswer>): Promise<OpenerAnswer> {
    const gate = this.#gates.get(base)
    if (!gate) return { type: 'gone' }
    try {
      return await gate.watch(CALLS_AT_ONCE, work)
    } catch (error) {
      // What stood in line behind a call that is not answered was sent away.
      if (error instanceof Silence || gate.silentSince !== undefined) return { type: 'silent' }
      if (isGone(error)) return { type: 'gone' }
      if (faultCode(error) === undefined) throw error
      return { type: 'failed', reason: describeFault(error) }
    }
  }
}

async function readAt(fd: number, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  for (let took = -1; took !== 0 && filled < length; filled += took) {
    took = (await read(fd, bytes, filled, length - filled, from + filled)).bytesRead
  }
  return bytes.subarray(0, filled)
}

function digestOf(numbers: readonly number[]): string {
  return createHash('sha256').update(numbers.join(' ')).digest('hex').slice(0, 32)
}
