import fs from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import pLimit from 'p-limit'
import type { Warning } from '../schemas/entry.js'
import type { Scan } from '../services/scan-result.js'
import { selects } from '../services/select.js'
import type { Tracked } from '../services/tracked.js'
import { describeFault, faultCode, makeFault } from './faults.js'
import { atFile } from './file-below.js'
import type { WalkOptions } from './findings.js'
import type { Calls } from './pin.js'
import { folded, Spellings } from './spelling.js'
import { lookAt } from './walk.js'

/** What a look at single files found, by rel: a tracked entry, or undefined where there is no report. */
export interface PathsLook {
  found: Map<string, Tracked | undefined>
  warnings: Warning[]
  /** The base looks as a mount that fell away leaves it: nothing in it is ever walked. */
  isEmpty: boolean
  /** The base's folder, links resolved. */
  path: string
}

/**
 * Looks at single files. A file that cannot be looked at costs itself a warning.
 * @param limit how many are looked at side by side
 * @throws the file system's error where the base itself does not answer
 */
export async function lookAtPaths(
  rels: readonly string[],
  options: WalkOptions,
  calls: Calls | undefined,
  limit: number
): Promise<PathsLook> {
  await checkRoot(options.root, calls)
  const look = new PathsLooker(options, calls)
  const inTurn = pLimit(limit)
  await inTurn.map(rels, (rel) => look.at(rel))
  return await look.done()
}

class PathsLooker {
  readonly #options: WalkOptions
  readonly #calls: Calls | undefined
  readonly #spellings: Spellings
  readonly #look: Pick<PathsLook, 'found' | 'warnings'> = { found: new Map(), warnings: [] }
  #answered = 0

  constructor(options: WalkOptions, calls: Calls | undefined) {
    this.#options = options
    this.#calls = calls
    this.#spellings = new Spellings(options.hands, calls)
  }

  async at(rel: string): Promise<void> {
    const { found, warnings } = this.#look
    if (!found.has(rel)) found.set(rel, undefined)
    if (!this.#isReport(rel)) return
    try {
      await this.#atFile(rel)
      this.#answered++
    } catch (error) {
      if (faultCode(error) === undefined) throw error
      const { base, known } = this.#options
      found.set(rel, known.get(rel))
      warnings.push({ code: 'unreadable', base, rel, message: describeFault(error) })
    }
  }

  #isReport(rel: string): boolean {
    const { select, isOwn } = this.#options
    return selects(select, rel) && !isOwn(rel)
  }

  async #atFile(rel: string): Promise<void> {
    const { known, root } = this.#options
    const { found, warnings } = this.#look
    const use = async (
      path: string,
      spelled: string
    ): Promise<Pick<Scan, 'read' | 'warnings'> | undefined> =>
      this.#isReport(spelled) ? await lookAt(spelled, path, this.#options) : undefined
    // What is known was listed by that name.
    const spell = known.has(rel) ? undefined : this.#spellings.spell
    const seen = await atFile(rel, root, this.#calls, use, spell)
    for (const [spelled, tracked] of seen?.read ?? []) found.set(spelled, tracked)
    warnings.push(...(seen?.warnings ?? []))
  }

  async done(): Promise<PathsLook> {
    const { found } = this.#look
    const { known, root } = this.#options
    this.#dropOldSpellings()
    const gone = [...found].filter(([rel, tracked]) => !tracked && known.has(rel)).length
    // Where nothing was answered, or a report has gone, the root has to answer for it.
    const isSure = found.size === 0 || (this.#answered > 0 && gone === 0)
    return { ...this.#look, isEmpty: !isSure && (await this.#isBare(root)), path: root }
  }

  /** A file that is listed by another spelling now is not listed by the one before. */
  #dropOldSpellings(): void {
    const { ignored } = this.#spellings
    if (ignored.size === 0) return
    const { found } = this.#look
    const now = new Map([...found].filter(([, tracked]) => tracked).map(([rel]) => [keyOf(rel), rel]))
    for (const rel of this.#options.known.keys()) {
      const listed = ignored.has(folded(rel)) ? now.get(keyOf(rel)) : undefined
      if (listed !== undefined && listed !== rel && !found.get(rel)) found.set(rel, undefined)
    }
  }

  /** Whether a folder holds nothing that is a report, or may lead to one, as one that a mount left. */
  async #isBare(folder: string): Promise<boolean> {
    const { select } = this.#options
    const calls: Calls = this.#calls ?? ((call) => call())
    const dir = await calls(() => opendir(folder))
    try {
      for (;;) {
        const entry = await calls(() => dir.read())
        if (!entry) return true
        if (entry.isFile() ? select.file(entry.name) : select.folder(entry.name)) return false
      }
    } catch (error) {
      // A name whose kind the listing does not tell, and that has gone since.
      if ((error as { syscall?: unknown }).syscall === 'lstat') return false
      throw error
    } finally {
      await calls(() => dir.close()).catch(() => {})
    }
  }
}

/** The same for all spellings of a name in one folder. */
function keyOf(rel: string): string {
  const slash = rel.lastIndexOf('/') + 1
  return rel.slice(0, slash) + folded(rel.slice(slash))
}

async function checkRoot(root: string, calls: Calls | undefined): Promise<void> {
  const found = calls ? await calls(() => stat(root)) : fs.statSync(root)
  if (!found.isDirectory()) throw makeFault('ENOTDIR')
}
