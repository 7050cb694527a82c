import { join } from 'node:path'
import { BaseScanner, type ScannerOptions } from '../../src/scan/base-scanner.js'
import type { WalkOptions } from '../../src/scan/findings.js'
import { type Hands, type HandsNow, syncHands } from '../../src/scan/hands.js'
import { readMounts } from '../../src/scan/mounts.js'
import { pinNow } from '../../src/scan/pin.js'
import { Stuck } from '../../src/scan/stuck.js'
import { trustIn } from '../../src/scan/trust.js'
import { walk } from '../../src/scan/walk.js'
import { walkNow } from '../../src/scan/walk-now.js'
import type { Entry } from '../../src/schemas/entry.js'
import type { Scan } from '../../src/services/scan-result.js'
import { makeSelect } from '../../src/services/select.js'
import type { Tracked, Trackeds } from '../../src/services/tracked.js'

export const INCLUDE = ['**/*.{md,markdown,html,htm,txt,pdf}']

export function scanner(
  root: string,
  over: Partial<ScannerOptions> & { include?: string[]; at?: number } = {}
) {
  return new BaseScanner({
    base: { name: 'b', root },
    select: makeSelect(over.include ?? INCLUDE, []),
    manifest: join(root, '_state/reports-index.json'),
    limit: () => 4,
    timeoutMs: 1000,
    mounts: readMounts,
    // Far ahead: no file is too fresh to trust, unless a test says so.
    now: () => over.at ?? Date.now() + 1_000_000,
    ...over
  })
}

export async function scan(
  root: string,
  over = {},
  known: Trackeds = new Map(),
  full = false
): Promise<Scan> {
  const look = await scanner(root, over).scan(known, full)
  if (!('scan' in look)) throw new Error(look.unavailable)
  return look.scan
}

/** What a scan says is there. */
export const knownIn = ({ same, read }: Scan): Trackeds =>
  new Map([...same.map((each) => [each.rel, each] as const), ...read])
export const relsOf = (found: Scan) => [...knownIn(found).keys()].toSorted()
export const entryOf = (tracked: Tracked | undefined): Entry | undefined =>
  tracked?.made && JSON.parse(tracked.made.line)
export const entryIn = (found: Scan, rel: string) => entryOf(knownIn(found).get(rel))

/** The real hands, but for some paths, which fail. */
export function failing(code: string, ...rels: string[]): HandsNow {
  const guard = <A extends unknown[], R>(call: (path: string, ...rest: A) => R) => {
    return (path: string, ...rest: A): R => {
      if (rels.some((rel) => path === rel || path.endsWith(`/${rel}`)))
        throw Object.assign(new Error(path), { code, syscall: 'open' })
      return call(path, ...rest)
    }
  }
  return { names: guard(syncHands.names), stat: syncHands.stat, open: guard(syncHands.open) }
}

export function optionsFor(root: string, hands: Hands, known: Trackeds): WalkOptions {
  return {
    base: 'b',
    root,
    pin: () => undefined,
    hands,
    select: makeSelect(INCLUDE, []),
    trust: trustIn('ext4', true, Date.now() + 1_000_000),
    isOwn: () => false,
    known,
    full: false,
    counts: { folders: 0, files: 0, read: 0 },
    stuck: new Stuck()
  }
}

/** Walks with hands whose calls answer at once. */
export function walkWith(
  hands: HandsNow,
  root: string,
  known: Trackeds = new Map(),
  over: Partial<WalkOptions> = {}
): Promise<Scan> {
  return walkNow({ ...optionsFor(root, hands, known), ...over }, hands)
}

/** Walks with hands whose calls may take their time. */
export function walkSlowly(hands: Hands, root: string, known: Trackeds = new Map()): Promise<Scan> {
  return walk(optionsFor(root, hands, known), (call) => call())
}

/** Walks as on a disk, with folders pinned. */
export const walkPinned = (hands: HandsNow, root: string) =>
  walkWith(hands, root, new Map(), { pin: pinNow, full: true })
