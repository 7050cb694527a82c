import { type Stats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { SEAL_LINE_BYTES } from '../manifest.js'
import { statusPathOf } from '../status.js'
import { readRegular, readRegularNow, tailNow, tailOf } from './read-file.js'

/** One look at the manifest's place and its companion's: what has another stamp than the look before is read. */
export interface Look {
  stamp: string
  /** The manifest's last bytes, which are its seal, where it was read. */
  tail?: string
  manifest?: Buffer | { code: string }
  statusStamp: string
  status?: string
}

/** The stamps of the look before. */
export type LookedAt = Pick<Look, 'stamp' | 'statusStamp' | 'tail'>

/**
 * Where times are whole seconds, and an inode is given out anew, a stat can come again while its time is so fresh, in
 * milliseconds. Until then the manifest's seal has to be the same, too.
 */
const FRESH_MS = 3000
const FRESH_AFAR_MS = 120_000

/**
 * Looks at a manifest; rejects never.
 * @param now milliseconds since 1970
 * @param isLocal whether it lies on a local disk, which answers at once
 * @param onSign called whenever its file system has answered
 */
export async function lookAtManifest(
  path: string,
  before: LookedAt,
  now: number,
  onSign: () => void,
  isLocal = false
): Promise<Look> {
  const statusPath = statusPathOf(path)
  const [stamp, statusStamp] = isLocal
    ? [stampNow(path), stampNow(statusPath)]
    : [await stampOf(path), await stampOf(statusPath)]
  const read = isLocal ? readSoon : readRegular
  const look: Look = { stamp, statusStamp }
  onSign()
  // The companion first: it is written last, so it can not tell of a manifest older than the one that is read.
  if (look.statusStamp !== before.statusStamp && look.statusStamp.startsWith(FILE)) {
    look.status = await read(statusPath).then(
      (bytes) => (bytes.length > MOST_STATUS ? '' : bytes.toString('utf8')),
      () => {
        look.statusStamp = '' // what could not be read is tried again
        return ''
      }
    )
  }
  if (look.stamp !== before.stamp || (await isReplaced(path, look.stamp, before, now, isLocal))) {
    look.manifest = await read(path, onSign).catch(({ code = 'unknown error' }: NodeJS.ErrnoException) => {
      if (stamp.startsWith(FILE) && code !== 'ETOOLARGE') look.stamp = ''
      return { code }
    })
    if (Buffer.isBuffer(look.manifest)) look.tail = tailIn(look.manifest)
  } else if (before.tail !== undefined) look.tail = before.tail
  return look
}

/** Whether another manifest has the stat of the one before. */
async function isReplaced(
  path: string,
  stamp: string,
  before: LookedAt,
  now: number,
  isLocal: boolean
): Promise<boolean> {
  if (before.tail === undefined || !isFresh(stamp, now, isLocal ? FRESH_MS : FRESH_AFAR_MS)) return false
  try {
    const tail = isLocal ? tailNow(path, SEAL_LINE_BYTES) : await tailOf(path, SEAL_LINE_BYTES)
    return tailIn(tail) !== before.tail
  } catch {
    return true
  }
}

/** Whether a manifest's stat may come again, and the seal is another one; at once, for local disks. */
export function isReplacedNow(path: string, { stamp, tail }: LookedAt, now: number): boolean {
  if (tail === undefined || !isFresh(stamp, now, FRESH_MS)) return false
  try {
    return tailIn(tailNow(path, SEAL_LINE_BYTES)) !== tail
  } catch {
    return true
  }
}

function isFresh(stamp: string, now: number, ms: number): boolean {
  const mtimeMs = Number(/^file \d+\.\d+\.(\S+) /.exec(stamp)?.[1])
  return mtimeMs % 1000 === 0 && now - mtimeMs < ms
}

function tailIn(bytes: Buffer): string {
  return bytes.toString('latin1', Math.max(0, bytes.length - SEAL_LINE_BYTES))
}

/** So many bytes of a local file are read at once: a turn of the event loop for each call takes longer. */
const SMALL_BYTES = 1 << 20

async function readSoon(path: string, onSign?: () => void): Promise<Buffer> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return size > SMALL_BYTES ? await readRegular(path, onSign) : readRegularNow(path)
}

/** A companion with some hundred thousand warnings. */
const MOST_STATUS = 64 << 20
const FILE = 'file '
/** The stamp of what is not there. */
export const MISSING = 'missing'

/** Tells one state of a file from another; at once, for local disks. */
export function stampNow(path: string): string {
  try {
    return stampIn(statSync(path, { throwIfNoEntry: false }))
  } catch (error) {
    return stampOfFault(error)
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    return stampIn(await stat(path))
  } catch (error) {
    return stampOfFault(error)
  }
}

function stampOfFault(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? MISSING : (code ?? 'unknown')
}

function stampIn(stats: Stats | undefined): string {
  if (!stats) return MISSING
  return `${signOf(stats)}${stats.ctimeMs}`
}

/** The start of a file's stamp: all that a rename does not change. */
export function signOf(stats: Stats): string {
  return `${stats.isFile() ? FILE : 'other '}${stats.ino}.${stats.size}.${stats.mtimeMs} `
}
