import { existsSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { atEnd, tell } from './ending.js'
import { facts, html, markdown, paragraphs, plainText } from './prose.js'
import { Random } from './random.js'

const VERSION = 'v1'
const SEED = 1
const DAY_MS = 86_400_000
const NEWEST_MS = Date.UTC(2026, 5, 30)
const DAYS = 3 * 365
/** Reports and their folders; what lies between is as steep as these. */
const FOLDERS = [
  [340, 80],
  [10_000, 680],
  [100_000, 2700],
  [1_000_000, 20_000]
] as const

/**
 * A folder of so many made-up reports: the same bytes, names and times for the same number, made once and kept for later
 * runs. Nothing may be written below it.
 */
export async function corpus(count: number): Promise<string> {
  const all = join(tmpdir(), 'reports-index-bench-corpora')
  const folder = join(all, `${count}-${SEED}-${VERSION}`)
  if (existsSync(folder)) return folder
  tell(`making ${count} reports`)
  const making = `${folder}.${process.pid}`
  atEnd(() => rmSync(making, { recursive: true, force: true }))
  await make(making, count)
  renameSync(making, folder)
  return folder
}

function foldersFor(count: number): number {
  const upper = FOLDERS.findIndex(([reports]) => reports >= count)
  const [[r0, f0], [r1, f1]] = [FOLDERS[Math.max(0, upper - 1)], FOLDERS[Math.max(1, upper)]] as [
    readonly [number, number],
    readonly [number, number]
  ]
  const steepness = Math.log(f1 / f0) / Math.log(r1 / r0)
  return Math.max(1, Math.round(f0 * (count / r0) ** steepness))
}

/** Bytes of a report. Where there are very many, they are small, to spare the disk. */
function sizesFor(count: number): { median: number; max: number } {
  return count < 100_000 ? { median: 6144, max: 65_536 } : { median: 2048, max: 16_384 }
}

async function make(root: string, count: number): Promise<void> {
  const random = new Random(SEED)
  const folders = Array.from({ length: foldersFor(count) }, (_, i) => folderName(random, i))
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true })
  const from = paragraphs(random)
  const { median, max } = sizesFor(count)
  for (let i = 0; i < count; i++) {
    const at = NEWEST_MS - random.below(DAYS) * DAY_MS
    const length = Math.min(max, Math.max(200, random.logNormal(median, 0.7)))
    // each folder gets one first, so that none is empty
    const folder = i < folders.length ? folders[i] : random.pick(folders)
    writeReport(join(root, folder as string), random, { index: i, at, length, max }, from)
    if (i % 1000 === 0) await turn()
  }
}

/** Two levels: areas, and folders in them. */
function folderName(random: Random, index: number): string {
  const area = `area-${String(index % Math.max(10, Math.floor(index / 30))).padStart(3, '0')}`
  return join(area, `${random.pick(['audits', 'weekly', 'plans', 'notes'])}-${index}`)
}

interface Report {
  index: number
  at: number
  length: number
  max: number
}

function writeReport(folder: string, random: Random, report: Report, from: readonly string[]): void {
  const { index, at, length, max } = report
  const told = facts(random, index, new Date(at).toISOString().slice(0, 10))
  const [extension, compose] = random.pick(KINDS)
  let text = compose(random, told, length * 0.9, from).slice(0, max)
  if (random.chance(0.1)) text = text.replaceAll('\n', '\r\n')
  if (random.chance(0.05)) text = `\uFEFF${text}`
  const dated = random.chance(0.5) ? `${told.day}-` : ''
  const path = join(folder, `${dated}${told.type}-${index}.${extension}`)
  writeFileSync(path, Buffer.from(text).subarray(0, max))
  const seconds = (at + random.below(DAY_MS)) / 1000
  utimesSync(path, seconds, seconds)
}

/** Of 20: 16 Markdown, 3 HTML, 1 plain text. */
const KINDS = [
  ...Array.from({ length: 16 }, () => ['md', markdown] as const),
  ...Array.from({ length: 3 }, () => ['html', html] as const),
  ['txt', plainText] as const
]
