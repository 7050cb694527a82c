import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { wantsHead } from '../services/entry.js'
import { formatOf } from '../services/format.js'
import { load, ParserWanted, withParsers } from '../services/parsers.js'
import type { Scan } from '../services/scan-result.js'
import { Descent } from './descent.js'
import { isGone, isHeld, makeFault } from './faults.js'
import { atFile } from './file-below.js'
import { Findings, findingOf, HELD_MS, nameOf, type WalkOptions } from './findings.js'
import type { FileStat, HandsNow } from './hands.js'

/** The event loop gets a turn after so many milliseconds, which are looked at after so many files. */
const TURN_MS = 20
const TURN_FILES = 64

/** Walks a base whose calls answer at once, one after the other. Only the root's own failure is thrown. */
export async function walkNow(options: WalkOptions, hands: HandsNow): Promise<Scan> {
  const walker = new WalkNow(options, hands)
  try {
    await walker.walk()
  } finally {
    // Not back to where it was before: that may be gone, or be a folder of another base that is walked meanwhile.
    process.chdir('/')
  }
  return walker.findings.done()
}

class WalkNow {
  readonly findings: Findings
  readonly #options: WalkOptions
  readonly #hands: HandsNow
  readonly #descent: Descent
  #turnAt = performance.now() + TURN_MS
  /** Files that another program held. */
  readonly #held: string[] = []

  constructor(options: WalkOptions, hands: HandsNow) {
    this.#options = options
    this.#hands = hands
    this.#descent = new Descent(options.root, options.pin)
    this.findings = new Findings(options)
  }

  async walk(): Promise<void> {
    // Level by level the folders that are still to be walked, the next one last.
    const levels = [['']]
    try {
      for (let level = levels.at(-1); level; level = levels.at(-1)) {
        const rel = level.pop()
        if (rel === undefined) {
          levels.pop()
          if (levels.length > 0) this.#leave(levels.at(-1) as string[])
        } else {
          const folders = await this.#folder(rel)
          if (folders) levels.push(folders.toReversed())
        }
      }
    } finally {
      this.#descent.end()
    }
    await this.#tryHeld()
  }

  #enter(rel: string): true {
    this.#descent.enter(nameOf(rel))
    return true
  }

  /** @returns the folders in it; undefined where it cannot be reached */
  async #folder(rel: string): Promise<string[] | undefined> {
    if (performance.now() >= this.#turnAt) await this.#turn()
    if (!this.#reach(rel, () => this.#enter(rel))) return undefined
    const names = this.#reach(rel, () => this.#hands.names(this.#descent.path))
    const { files, folders } = names ? this.findings.folder(rel, names) : { files: [], folders: [] }
    let place = ''
    for (const [index, file] of files.entries()) {
      const isTurn = index % TURN_FILES === 0 && performance.now() >= this.#turnAt
      if (isTurn) await this.#turn()
      if (isTurn || index === 0) place = enter(this.#descent.path)
      for (let wanted = this.#file(file, place); wanted; wanted = this.#file(file, place)) {
        await load(wanted.wanted)
        place = enter(this.#descent.path)
      }
    }
    return folders
  }

  // Other bases are walked meanwhile.
  async #turn(): Promise<void> {
    await setImmediate()
    this.#turnAt = performance.now() + TURN_MS
  }

  #reach<T>(rel: string, work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.findings.folderLost(rel, error)
      return undefined
    }
  }

  /** @param others what is still to be walked in the folder above */
  #leave(others: string[]): void {
    try {
      this.#descent.leave()
    } catch (error) {
      for (const rel of others) this.findings.folderLost(rel, error)
      others.length = 0
    }
  }

  /**
   * @param place what leads to its folder
   * @returns a parser that has to be loaded before it is tried again
   */
  #file(rel: string, place: string): ParserWanted | undefined {
    const path = place + nameOf(rel)
    try {
      this.#compare(rel, path)
    } catch (error) {
      if (error instanceof ParserWanted) return error
      if (isHeld(error)) this.#held.push(rel)
      else this.#lost(rel, path, error)
    }
    this.#options.counts.files++
    return undefined
  }

  #compare(rel: string, path: string): void {
    const { findings } = this
    const before = findings.toCompare(rel)
    if (before && findings.isSame(before, this.#hands.stat(path))) return
    try {
      this.#read(rel, path)
    } catch (error) {
      // What a listing tells and a stat finds is there, whatever an open says: it may have been put there anew.
      if (!isGone(error) || !this.#hands.stat(path).isFile) throw error
      this.#read(rel, path)
    }
  }

  #read(rel: string, path: string): void {
    const { findings } = this
    if (formatOf(rel) === 'pdf') findings.read(rel, this.#hands.stat(path), undefined)
    else
      this.#hands.open(
        path,
        (size) => wantsHead(rel, size),
        (stat, head) => findings.read(rel, stat, head)
      )
  }

  #lost(rel: string, path: string, error: unknown): void {
    const { findings } = this
    findings.lost(rel, error, findings.isDoubtful(rel, error) ? this.#statOf(path) : undefined)
  }

  #statOf(path: string): FileStat | 'gone' | undefined {
    try {
      return this.#hands.stat(path)
    } catch (error) {
      return findingOf(error)
    }
  }

  /** Asks again for what another program held: it is told to let go, and needs a moment for it. */
  async #tryHeld(): Promise<void> {
    let held = this.#held
    for (const ms of HELD_MS) {
      if (held.length === 0) return
      await sleep(ms)
      const still: string[] = []
      for (const rel of held) await this.#tryAgain(rel, still)
      held = still
    }
    for (const rel of held) {
      const lost = async (path: string) => this.#lost(rel, path, makeFault('EAGAIN'))
      await atFile(rel, this.#options.root, undefined, lost)
    }
  }

  async #tryAgain(rel: string, still: string[]): Promise<void> {
    await atFile(rel, this.#options.root, undefined, async (path) => {
      try {
        await withParsers(() => this.#compare(rel, path))
      } catch (error) {
        if (isHeld(error)) still.push(rel)
        else this.#lost(rel, path, error)
      }
    })
  }
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
