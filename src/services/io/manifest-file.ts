import type { Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Status } from '../../schemas/manifest.js'
import { type OpenedManifest, openManifest } from '../open-manifest.js'
import { readStatus, statusPathOf } from '../status.js'
import { type Calls, callsNow, slowCalls } from './calls.js'
import { lockScope, type Scope } from './lock.js'
import { signOf } from './manifest-look.js'

/** What lies in the manifest's place. */
export type Found =
  | { state: 'ok'; opened: OpenedManifest; stamp: string | undefined }
  | { state: 'missing' | 'corrupt' | 'unreadable' | 'late'; reason: string; stamp: string | undefined }

/** The manifest and its companion on their file system. */
export interface ManifestFile {
  /** Changes whenever the manifest was replaced or written to; undefined where there is none to be seen. */
  stamp(): Promise<string | undefined>
  read(): Promise<Found>
  readStatus(): Promise<Status | undefined>
  /**
   * Replaces the manifest: whole, checked and durable, or not at all.
   * @param isWanted asked when all is written, before it takes the old one's place
   * @param placing told then by what sign it will be known there
   */
  write(bytes: Buffer, isWanted?: () => boolean, placing?: (sign: string) => void): Promise<void>
  writeStatus(status: Status, isWanted?: () => boolean): Promise<void>
  /** Removes what dead writers left. Only for who holds the lock. */
  sweep(): Promise<void>
}

/**
 * @param path absolute path of the manifest, links resolved
 * @param keep tells the folders that are never made: the bases' roots, links resolved
 * @param now milliseconds since 1970
 * @param canHang whether calls on its file system can hang
 */
export function manifestFile(
  path: string,
  keep: () => readonly string[],
  now: () => number,
  canHang: () => boolean
): ManifestFile {
  const calls = () => (canHang() ? slowCalls : callsNow)
  const folder = dirname(path)
  const statusPath = statusPathOf(path)
  return {
    stamp: () => stampOf(path, calls()),
    async read() {
      const stamp = await stampOf(path, calls())
      try {
        const opened = openManifest(await calls().read(path))
        return opened ? { state: 'ok', opened, stamp } : { state: 'corrupt', reason: CORRUPT, stamp }
      } catch (error) {
        return { ...absence(error), stamp }
      }
    },
    async readStatus() {
      try {
        return readStatus((await calls().read(statusPath)).toString('utf8'))
      } catch {
        return undefined
      }
    },
    async write(bytes, isWanted, placing) {
      const hands = calls()
      await makeFolder(folder, keep(), hands)
      await replace(path, bytes, hands, isWanted, placing)
      await syncFolder(folder, hands)
    },
    async writeStatus(status, isWanted) {
      const hands = calls()
      await replace(statusPath, Buffer.from(`${JSON.stringify(status)}\n`), hands, isWanted)
      await syncFolder(folder, hands)
    },
    async sweep() {
      await sweep([path, statusPath], now(), calls()).catch(() => {})
    }
  }
}

const CORRUPT = 'it does not match its digest or its schema'

/** What an error of opening or reading the manifest means. */
export function absence(error: unknown): { state: 'missing' | 'corrupt' | 'unreadable'; reason: string } {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing', reason: 'it does not exist' }
  if (code === 'ETOOLARGE') return { state: 'corrupt', reason: 'it is too large to be a manifest' }
  const reason = code === 'ENOTFILE' ? 'it is not a regular file' : `it can not be read (${code})`
  return { state: 'unreadable', reason }
}

/** Undefined where there is no stat: no answer is the same as another one. */
async function stampOf(path: string, calls: Calls): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await calls.stat(path)
    return `${ino}.${size}.${mtimeMs}.${ctimeMs}`
  } catch {
    return undefined
  }
}

async function makeFolder(folder: string, keep: readonly string[], calls: Calls): Promise<void> {
  const roots = keep.filter((root) => folder === root || folder.startsWith(`${root}/`))
  for (const root of roots) await calls.access(root)
  await calls.makeFolder(folder)
}

/**
 * write-file-atomic makes one write call and takes a short write on a full disk for a success. So it writes a staged file
 * beside the place, which is read back when it is closed (some mounts write no earlier), and renamed when it is right.
 */
async function replace(
  path: string,
  bytes: Buffer,
  calls: Calls,
  isWanted?: () => boolean,
  placing?: (sign: string) => void
): Promise<void> {
  const before = await refuseOther(path, calls)
  const staged = stagedOf(path, scope)
  try {
    await calls.write(
      staged,
      bytes,
      before ? { mode: before.mode, chown: { uid: before.uid, gid: before.gid } } : {}
    )
    if (!(await calls.holds(staged, bytes)))
      throw Object.assign(new Error('a short write'), { code: 'RI_ERR_SHORT_WRITE' })
    if (isWanted && !isWanted()) throw Object.assign(new Error('called off'), { code: 'RI_ERR_LATE' })
    placing?.(signOf(await calls.lstat(staged)))
    await calls.rename(staged, path)
  } catch (error) {
    await calls.unlink(staged).catch(() => {})
    throw error
  }
}

const scope = lockScope()

/** Where a file is written before it takes its place; hidden, and like no name that anyone else would give. */
function stagedOf(path: string, { host, run, network }: Scope): string {
  return join(dirname(path), `.${basename(path)}.${host}-${run}-${network}.new`)
}

/** A rename would put a file in the place of a device or FIFO. */
async function refuseOther(path: string, calls: Calls): Promise<Stats | undefined> {
  const other = await calls.lstat(path).catch(() => undefined)
  if (other && !other.isFile()) {
    const code = other.isDirectory() ? 'EISDIR' : 'ENOTFILE'
    throw Object.assign(new Error('something else is in its place'), { code })
  }
  return other
}

/** The rename itself is durable only when its folder is; some network file systems know no such call. */
async function syncFolder(folder: string, calls: Calls): Promise<void> {
  try {
    await calls.sync(folder)
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** What a writer that this one knows nothing of has left is not its own any more after so many milliseconds. */
const ABANDONED_MS = 10 * 60_000

/**
 * Removes staged files, and the temporary files beside them. Only for who holds the lock: of its own scope nobody else
 * writes, of an earlier run of this host nobody lives; of others it can not be told, but by their age.
 */
async function sweep(paths: readonly string[], now: number, calls: Calls): Promise<void> {
  const names = paths.map((path) => basename(path))
  const folder = dirname(paths[0] as string)
  for (const name of await calls.readdir(folder)) {
    const [, file, host, run, network] =
      /^\.(.*)\.([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})\.new(?:\.\d+)?$/.exec(name) ?? []
    if (file === undefined || !names.includes(file)) continue
    const left = join(folder, name)
    const isDead = host === scope.host && (run !== scope.run || network === scope.network)
    if (isDead || Math.abs((await calls.lstat(left)).mtimeMs - now) > ABANDONED_MS) await calls.unlink(left)
  }
}
