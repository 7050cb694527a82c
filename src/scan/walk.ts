import { setTimeout as sleep } from 'node:timers/promises'
import { wantsHead } from '../services/entry.js'
import { formatOf } from '../services/format.js'
import { withParsers } from '../services/parsers.js'
import type { Scan } from '../services/scan-result.js'
import { Anchor, isLong } from './anchor.js'
import { faultCode, isGone, isHeld, makeFault } from './faults.js'
import { Findings, findingOf, HELD_MS, nameOf, type WalkOptions } from './findings.js'
import type { FileStat } from './hands.js'
import { Jobs } from './jobs.js'
import { type Calls, pinSlowly } from './pin.js'

/** Walks a base whose calls can hang, with many of them side by side. Only the root's own failure is thrown. */
export async function walk(options: WalkOptions, calls: Calls): Promise<Scan> {
  const walker = new Walk(options)
  await walker.all(calls)
  return walker.findings.done()
}

/**
 * Looks at one file that is said to be a report.
 * @param path where it is to be found
 */
export async function lookAt(rel: string, path: string, options: WalkOptions): Promise<Scan> {
  const walker = new Walk({ ...options, full: true })
  await walker.file(rel, path)
  return walker.findings.done()
}

class Walk {
  readonly findings: Findings
  readonly #options: WalkOptions
  readonly #jobs = new Jobs()

  constructor(options: WalkOptions) {
    this.#options = options
    this.findings = new Findings(options)
  }

  async all(calls: Calls): Promise<void> {
    const root = new Anchor(this.#options.root)
    this.#jobs.add(() => this.#folder('', root, calls).finally(() => this.#drop(root, calls)))
    await this.#jobs.run()
  }

  /**
   * @param above the folder that it lies in; the root itself for the root
   * @param isSure it was not found before, and is listed all the same
   */
  async #folder(rel: string, above: Anchor, calls: Calls, isSure = false): Promise<void> {
    let anchor = above
    try {
      if (this.#options.stuck?.has(rel)) throw makeFault('RI_ERR_NO_ANSWER')
      if (rel !== '') anchor = await this.#reach(nameOf(rel), above, calls)
      const { files, folders } = this.findings.folder(rel, await this.#options.hands.names(anchor.path))
      for (const folder of folders) this.#add(anchor, calls, () => this.#folder(folder, anchor, calls))
      for (const file of files) this.#add(anchor, calls, () => this.#fileIn(anchor, file))
    } catch (error) {
      if (this.findings.folderLost(rel, error, isSure)) above.vanished.set(rel, true)
    } finally {
      if (anchor !== above) this.#drop(anchor, calls)
    }
  }

  async #reach(name: string, above: Anchor, calls: Calls): Promise<Anchor> {
    const path = above.pathOf(name)
    return new Anchor(path, above, isLong(path) ? await pinSlowly(path, calls) : undefined)
  }

  #add(anchor: Anchor, calls: Calls, job: () => Promise<void>): void {
    anchor.use()
    this.#jobs.add(async () => {
      try {
        await job()
      } finally {
        this.#drop(anchor, calls)
      }
    })
  }

  /** Lets go of a folder; when all in it has been looked at, what was not found is looked for again. */
  #drop(used: Anchor, calls: Calls): void {
    for (let anchor: Anchor | undefined = used; anchor; ) {
      if (anchor.isLastUse && anchor.vanished.size > 0) {
        const [folder, vanished] = [anchor, new Map(anchor.vanished)]
        anchor.vanished.clear()
        this.#add(folder, calls, () => this.#lookAgain(folder, vanished, calls))
      }
      anchor = anchor.drop()
    }
  }

  /** What is still listed has not gone, whatever a stat says. */
  async #lookAgain(anchor: Anchor, vanished: ReadonlyMap<string, boolean>, calls: Calls): Promise<void> {
    const listed = await this.#namesAgain(anchor)
    for (const [rel, isFolder] of vanished) {
      if (!listed.has(nameOf(rel))) continue
      if (isFolder) await this.#folder(rel, anchor, calls, true)
      else await this.file(rel, anchor.pathOf(nameOf(rel)), true)
    }
  }

  async #namesAgain(anchor: Anchor): Promise<Set<string>> {
    try {
      return new Set((await this.#options.hands.names(anchor.path)).map(({ name }) => name))
    } catch (error) {
      if (faultCode(error) === undefined) throw error
      return new Set()
    }
  }

  async #fileIn(anchor: Anchor, rel: string): Promise<void> {
    if (await this.file(rel, anchor.pathOf(nameOf(rel)))) anchor.vanished.set(rel, false)
  }

  /** @returns whether it is gone; never where it is sure that it is there */
  async file(rel: string, path: string, isSure = false): Promise<boolean> {
    let hasGone = false
    if (this.#options.stuck?.has(rel))
      return this.findings.lost(rel, makeFault('RI_ERR_NO_ANSWER'), undefined)
    try {
      await this.#compareUntilFree(rel, path)
    } catch (error) {
      const { findings } = this
      const now = findings.isDoubtful(rel, error) ? await this.#statOf(path) : undefined
      hasGone = findings.lost(rel, error, isSure && now === 'gone' ? undefined : now)
    }
    if (!isSure) this.#options.counts.files++
    return hasGone
  }

  /** Asks again for what another program holds: it is told to let go, and needs a moment for it. */
  async #compareUntilFree(rel: string, path: string): Promise<void> {
    for (const ms of HELD_MS) {
      try {
        return await this.#compare(rel, path)
      } catch (error) {
        if (!isHeld(error)) throw error
        await sleep(ms)
      }
    }
    await this.#compare(rel, path)
  }

  async #compare(rel: string, path: string): Promise<void> {
    const { findings } = this
    const { hands } = this.#options
    const before = findings.toCompare(rel)
    if (before && findings.isSame(before, await hands.stat(path))) return
    try {
      await withParsers(() => this.#read(rel, path))
    } catch (error) {
      // What a listing tells and a stat finds is there, whatever an open says: it may have been put there anew.
      if (!isGone(error) || !(await hands.stat(path)).isFile) throw error
      await withParsers(() => this.#read(rel, path))
    }
  }

  async #read(rel: string, path: string): Promise<void> {
    const { findings } = this
    const { hands } = this.#options
    if (formatOf(rel) === 'pdf') findings.read(rel, await hands.stat(path), undefined)
    else {
      await hands.open(
        path,
        (size) => wantsHead(rel, size),
        (stat, head) => findings.read(rel, stat, head)
      )
    }
  }

  async #statOf(path: string): Promise<FileStat | 'gone' | undefined> {
    try {
      return await this.#options.hands.stat(path)
    } catch (error) {
      return findingOf(error)
    }
  }
}
