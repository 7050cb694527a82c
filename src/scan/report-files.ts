import fs from 'node:fs'
import { promisify } from 'node:util'
import { LRUCache } from 'lru-cache'
import { isInUtf8 } from '../services/decode.js'
import { digestOf } from '../services/etag.js'
import { formatOf } from '../services/format.js'
import type { OpenerAnswer, OpenReport } from '../services/opener-messages.js'
import { type Select, selects } from '../services/select.js'
import type { Base } from '../services/settings.js'
import { Closer, type Held } from './closer.js'
import { describeFault, faultCode, isGone } from './faults.js'
import { atFile, realPathOf } from './file-below.js'
import { answerTo, Gate, Silence } from './gate.js'
import { type FileStat, FLAGS, HEAD_BYTES, readAt, readFirst } from './hands.js'
import { isDisk, type Mount, mountOf } from './mounts.js'
import { type Calls, canPin, O_PATH } from './pin.js'
import { type Trust, trustIn } from './trust.js'

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
const open = promisify(fs.open)
const fstat = promisify(fs.fstat)
const lstat = promisify(fs.lstat)

const PLACE = O_PATH | fs.constants.O_NOFOLLOW

/** So large a report is read whole while it is new, in bytes, here and on mounts: then its tag names its bytes. */
const MOST_HASHED = 1 << 22
const MOST_HASHED_AFAR = HEAD_BYTES
/** A tag that named the bytes of a new report stays good when the report is new no more; for so long, in milliseconds. */
const REMEMBERED_MS = 30 * 60_000
const MOST_REMEMBERED = 10_000

/** Reports, opened and read below their bases; no call blocks this process, and a base that hangs blocks no other. */
export class ReportFiles {
  readonly #options: ReportFilesOptions
  readonly #gates: Map<string, Gate>
  readonly #held = new Map<number, Held>()
  readonly #closer: Closer
  readonly #names = new LRUCache<string, { name: string; isLasting: boolean }>({
    max: MOST_REMEMBERED,
    ttl: REMEMBERED_MS
  })
  #handles = 0

  constructor(options: ReportFilesOptions) {
    this.#options = options
    this.#gates = new Map(options.bases.map(({ name }) => [name, new Gate(options.timeoutMs)]))
    this.#closer = new Closer(this.#gates, CALLS_AT_ONCE)
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
    if (held) this.#closer.close(held)
  }

  async #take(
    base: string,
    rel: string,
    top: string,
    path: string,
    calls: Calls
  ): Promise<OpenReport | undefined> {
    const fd = await this.#openFile(path, calls)
    try {
      const stat = await calls(() => fstat(fd, { bigint: true }))
      const mount = mountOf(top, this.#options.mounts())
      const trust = trustIn(mount?.type, isDisk(mount), this.#options.now())
      const { mtimeNs, ctimeNs, ino } = stat
      const facts = { isFile: true, size: Number(stat.size), mtimeNs, ctimeNs, ino }
      const isSettled = !isNew(trust, facts, this.#options.now())
      const stamp = digestOf(`${base}/${rel} ${Object.values(trust.stamp(facts)).join(' ')}`)
      const isHashed = !isSettled && facts.size <= (isDisk(mount) ? MOST_HASHED : MOST_HASHED_AFAR)
      const hash = async () => digestOf(await calls(() => readAt(fd, 0, facts.size)))
      const state = isHashed || isSettled ? await this.#named(stamp, hash, isSettled) : stamp
      const isUtf8 = formatOf(rel) === 'pdf' || (await this.#isUtf8(fd, facts.size, calls))
      const handle = ++this.#handles
      this.#held.set(handle, { fd, base })
      const mtimeMs = Number(stat.mtimeMs)
      return { handle, size: facts.size, mtimeMs, state, isExact: isSettled || isHashed, isSettled, isUtf8 }
    } catch (error) {
      this.#closer.close({ fd, base })
      throw error
    }
  }

  /**
   * The name of a state of a file: that of its bytes where it was new when it was first named, else that of its stamp.
   * @param isLasting whether the stamp means these bytes from now on
   */
  async #named(stamp: string, hash: () => Promise<string>, isLasting: boolean): Promise<string> {
    const known = this.#names.get(stamp)
    if (isLasting && (!known || known.isLasting)) return known?.name ?? stamp
    const name = await hash()
    this.#names.set(stamp, { name, isLasting })
    return name
  }

  /** Opens a regular file, and nothing else: a FIFO would let its writer go on. */
  async #openFile(path: string, calls: Calls): Promise<number> {
    if (!canPin()) {
      checkKind(await calls(() => lstat(path)))
      return await calls(() => open(path, FLAGS))
    }
    const place = await calls(() => open(path, PLACE))
    try {
      checkKind(await calls(() => fstat(place)))
      return await calls(() => open(`/proc/self/fd/${place}`, FLAGS & ~fs.constants.O_NOFOLLOW))
    } finally {
      fs.closeSync(place) // what was never opened asks no file system when it is let go
    }
  }

  async #isUtf8(fd: number, size: number, calls: Calls): Promise<boolean> {
    const bytes = await calls(() => readAt(fd, 0, Math.min(size, HEAD_BYTES)))
    return isInUtf8({ bytes, cut: size > HEAD_BYTES })
  }

  async #try(base: string, work: (calls: Calls) => Promise<OpenerAnswer>): Promise<OpenerAnswer> {
    const gate = this.#gates.get(base)
    if (!gate) return { type: 'gone' }
    const root = this.#options.bases.find(({ name }) => name === base)?.root
    try {
      return await gate.watch(CALLS_AT_ONCE, work, root === undefined ? undefined : () => readFirst(root))
    } catch (error) {
      // What stood in line behind a call that is not answered was sent away.
      if (error instanceof Silence || answerTo(error) || gate.silentSince !== undefined)
        return { type: 'silent' }
      if (isGone(error)) return { type: 'gone' }
      if (faultCode(error) === undefined) throw error
      return { type: 'failed', reason: describeFault(error) }
    }
  }
}

/**
 * Whether a file may be written again within the clock tick of its last change. Where the time of that change counts, it
 * tells; the file's own time may be set to one that is to come.
 */
function isNew(trust: Trust, stat: FileStat, nowMs: number): boolean {
  const isToCome = stat.mtimeNs > BigInt(Math.ceil(nowMs)) * 1_000_000n
  const hasChangeTime = trust.stamp(stat).ctime > 0
  return trust.isFresh(isToCome && hasChangeTime ? { ...stat, mtimeNs: stat.ctimeNs } : stat)
}

/** @throws as where there is nothing, for what is no regular file */
function checkKind(stat: { isFile(): boolean }): void {
  if (!stat.isFile()) throw Object.assign(new Error('no regular file'), { code: 'ENOENT', syscall: 'open' })
}
