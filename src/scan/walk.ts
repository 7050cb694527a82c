import { wantsHead } from '../services/entry.js'
import { formatOf } from '../services/format.js'
import { withParsers } from '../services/parsers.js'
import type { Scan } from '../services/scan-result.js'
import { faultCode } from './faults.js'
import { Findings, nameOf, type WalkOptions } from './findings.js'

/** Walks a base whose calls can hang, with many of them side by side. Only the root's own failure is thrown. */
export async function walk(options: WalkOptions): Promise<Scan> {
  const walker = new Walk(options)
  await walker.folder('', options.root)
  const { scan } = walker.findings
  return { ...scan, filesRead: options.counts.read }
}

/**
 * Looks at one file that is said to be a report.
 * @param path where it is to be found
 */
export async function lookAt(rel: string, path: string, options: WalkOptions): Promise<Scan> {
  const walker = new Walk({ ...options, full: true })
  await walker.file(rel, path)
  return walker.findings.scan
}

class Walk {
  readonly findings: Findings
  readonly #options: WalkOptions

  constructor(options: WalkOptions) {
    this.#options = options
    this.findings = new Findings(options)
  }

  async folder(rel: string, path: string): Promise<void> {
    const names = await this.#namesIn(rel, path)
    if (!names) return
    const { files, folders } = this.findings.folder(rel, names)
    const pathOf = (child: string) => `${path === '/' ? '' : path}/${nameOf(child)}`
    await Promise.all([
      ...files.map((file) => this.file(file, pathOf(file))),
      ...folders.map((folder) => this.folder(folder, pathOf(folder)))
    ])
  }

  async #namesIn(rel: string, path: string) {
    try {
      return await this.#options.hands.names(path)
    } catch (error) {
      this.findings.folderLost(rel, error)
      return undefined
    }
  }

  async file(rel: string, path: string): Promise<void> {
    const { findings } = this
    const { hands, counts } = this.#options
    try {
      const before = findings.toCompare(rel)
      if (!before || !findings.isSame(before, await hands.stat(path)))
        await withParsers(() => this.#read(rel, path))
    } catch (error) {
      if (findings.lost(rel, error)) await this.#unread(rel, path)
    }
    counts.files++
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

  async #unread(rel: string, path: string): Promise<void> {
    try {
      this.findings.unread(rel, await this.#options.hands.stat(path))
    } catch (error) {
      if (faultCode(error) === undefined) throw error
    }
  }
}
