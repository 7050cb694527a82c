import { setImmediate } from 'node:timers/promises'
import { wantsHead } from '../services/entry.js'
import { formatOf } from '../services/format.js'
import { load, ParserWanted } from '../services/parsers.js'
import type { Scan } from '../services/scan-result.js'
import { faultCode } from './faults.js'
import { Findings, nameOf, type WalkOptions } from './findings.js'
import type { HandsNow, Name } from './hands.js'

/** So many folders are held at once, one below the other; deeper ones go by their path from there. */
const MOST_HELD = 64
/** The event loop gets a turn after so many milliseconds, which are looked at after so many files. */
const TURN_MS = 20
const TURN_FILES = 64

/** Walks a base whose calls answer at once, one after the other. Only the root's own failure is thrown. */
export async function walkNow(options: WalkOptions, hands: HandsNow): Promise<Scan> {
  const walker = new WalkNow(options, hands)
  let turnAt = performance.now() + TURN_MS
  try {
    for (const wanted of walker.folder('', options.root)) {
      if (wanted) await load(wanted.wanted)
      else if (performance.now() < turnAt) continue
      else await setImmediate()
      turnAt = performance.now() + TURN_MS
    }
  } finally {
    // Not back to where it was before: that may be gone, or be a folder of another base that is walked meanwhile.
    process.chdir('/')
  }
  const { scan } = walker.findings
  return { ...scan, filesRead: options.counts.read }
}

class WalkNow {
  readonly findings: Findings
  readonly #options: WalkOptions
  readonly #hands: HandsNow

  constructor(options: WalkOptions, hands: HandsNow) {
    this.#options = options
    this.#hands = hands
    this.findings = new Findings(options)
  }

  /** Yields where others may have a turn, and a parser that it has to wait for. */
  *folder(rel: string, path: string): Generator<ParserWanted | undefined> {
    const pinned = this.#reach(rel, () =>
      isDeep(rel) ? { path } : (this.#options.pin(path, rel === '') ?? { path })
    )
    if (!pinned) return
    try {
      const names = this.#reach(rel, () => this.#hands.names(pinned.path))
      if (names) yield* this.#within(rel, pinned.path, names)
    } finally {
      if ('unpin' in pinned) pinned.unpin()
    }
  }

  *#within(rel: string, path: string, names: readonly Name[]): Generator<ParserWanted | undefined> {
    const { files, folders } = this.findings.folder(rel, names)
    let place = ''
    for (const [index, file] of files.entries()) {
      if (index % TURN_FILES === 0) {
        yield undefined
        place = enter(path)
      }
      for (let wanted = this.#file(file, place + nameOf(file)); wanted; ) {
        yield wanted
        place = enter(path)
        wanted = this.#file(file, place + nameOf(file))
      }
    }
    for (const folder of folders) yield* this.folder(folder, `${path === '/' ? '' : path}/${nameOf(folder)}`)
  }

  #reach<T>(rel: string, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.findings.folderLost(rel, error)
      return undefined
    }
  }

  /** @returns a parser that has to be loaded before it is tried again */
  #file(rel: string, path: string): ParserWanted | undefined {
    const { findings } = this
    try {
      const before = findings.toCompare(rel)
      if (!before || !findings.isSame(before, this.#hands.stat(path))) this.#read(rel, path)
    } catch (error) {
      if (error instanceof ParserWanted) return error
      if (findings.lost(rel, error)) this.#unread(rel, path)
    }
    this.#options.counts.files++
    return undefined
  }

  #read(rel: string, path: string): void {
    const { findings } = this
    if (formatOf(rel) === 'pdf') findings.read(rel, this.#hands.stat(path), undefined)
    else {
      this.#hands.open(
        path,
        (size) => wantsHead(rel, size),
        (stat, head) => findings.read(rel, stat, head)
      )
    }
  }

  #unread(rel: string, path: string): void {
    try {
      this.findings.unread(rel, this.#hands.stat(path))
    } catch (error) {
      if (faultCode(error) === undefined) throw error
    }
  }
}

function isDeep(rel: string): boolean {
  return rel.split('/').length > MOST_HELD
}

/**
 * Makes a folder the process's own, so that the kernel need not find it anew for each file in it.
 * @returns what leads from there to a file in it: nothing, or, where the folder can be listed and not entered, its path
 */
function enter(path: string): string {
  try {
    process.chdir(path)
    return ''
  } catch {
    return `${path === '/' ? '' : path}/`
  }
}
