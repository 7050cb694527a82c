import { constants } from 'node:fs'
import { access, lstat, mkdir, open, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { Status } from '../../schemas/manifest.js'
import { type OpenedManifest, openManifest } from '../manifest.js'
import { readStatus, statusPathOf } from '../status.js'
import { readRegular } from './read-file.js'

/** What lies in the manifest's place. */
export type Found =
  | { state: 'ok'; opened: OpenedManifest; stamp: string }
  | { state: 'missing' | 'corrupt' | 'unreadable'; reason: string; stamp: string }

/** The manifest and its companion on their file system. */
export interface ManifestFile {
  /** Changes whenever the manifest was replaced or written to. */
  stamp(): Promise<string>
  read(): Promise<Found>
  readStatus(): Promise<Status | undefined>
  /**
   * Replaces the manifest: whole, checked and durable, or not at all.
   * @param isWanted asked when all is written, before it takes the old one's place
   */
  write(bytes: Buffer, isWanted?: () => boolean): Promise<void>
  writeStatus(status: Status, isWanted?: () => boolean): Promise<void>
  /** Removes what dead writers left. Only for who holds the lock. */
  sweep(): Promise<void>
}

/**
 * @param path absolute path of the manifest, links resolved
 * @param keep tells the folders that are never made: the bases' roots, links resolved
 */
export function manifestFile(path: string, keep: () => readonly string[]): ManifestFile {
  const folder = dirname(path)
  const statusPath = statusPathOf(path)
  return {
    stamp: () => stampOf(path),
    async read() {
      const stamp = await stampOf(path)
      try {
        const opened = openManifest(await readRegular(path))
        return opened ? { state: 'ok', opened, stamp } : { state: 'corrupt', reason: CORRUPT, stamp }
      } catch (error) {
        return { ...absence(error), stamp }
      }
    },
    async readStatus() {
      const bytes = await readRegular(statusPath).catch(() => Buffer.alloc(0))
      return readStatus(bytes.toString('utf8'))
    },
    async write(bytes, isWanted) {
      await makeFolder(folder, keep())
      await replace(path, bytes, isWanted)
      await syncFolder(folder)
    },
    async writeStatus(status, isWanted) {
      await replace(statusPath, Buffer.from(`${JSON.stringify(status)}\n`), isWanted)
      await syncFolder(folder)
    },
    async sweep() {
      // Where there is no note, there is nothing to sweep.
      for (const file of [path, statusPath]) await sweep(file).catch(() => {})
    }
  }
}

const CORRUPT = 'it does not match its digest or its schema'

/** What an error of opening or reading the manifest means. */
export function absence(error: unknown): { state: 'missing' | 'unreadable'; reason: string } {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing', reason: 'it does not exist' }
  const reason = code === 'ENOTFILE' ? 'it is not a regular file' : `it can not be read (${code})`
  return { state: 'unreadable', reason }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return `${ino}.${size}.${mtimeMs}.${ctimeMs}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

async function makeFolder(folder: string, keep: readonly string[]): Promise<void> {
  const roots = keep.filter((root) => folder === root || folder.startsWith(`${root}/`))
  for (const root of roots) await access(root, constants.F_OK)
  await mkdir(folder, { recursive: true })
}

/*
 * write-file-atomic makes one write call and takes a short write on a full disk for a success, so the writing is done
 * here, by a call that goes on after a short write, and read back before the rename.
 */
async function replace(path: string, bytes: Buffer, isWanted = () => true): Promise<void> {
  await refuseOther(path)
  const note = noteOf(path)
  const options = {
    async tmpfileCreated(temporary: string) {
      await writeFile(temporary, bytes)
      const written = await readFile(temporary)
      if (!written.equals(bytes))
        throw Object.assign(new Error('a short write'), { code: 'RI_ERR_SHORT_WRITE' })
      if (!isWanted()) throw Object.assign(new Error('called off'), { code: 'RI_ERR_LATE' })
    }
  }
  await writeFile(note, JSON.stringify(await numbered(path)))
  try {
    await writeFileAtomic(path, null as unknown as string, options as unknown as writeFileAtomic.Options)
  } finally {
    await unlink(note).catch(() => {})
  }
}

/**
 * Stands beside a file while it is written, and names the files called `NAME.<number>` that stood there before: a writer
 * that died has left its temporary file when there is another one now. Those named are somebody's backups.
 */
function noteOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.writing`)
}

/** The files beside a path that are called as its temporary files are. */
async function numbered(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`
  const names = await readdir(dirname(path))
  return names.filter((name) => name.startsWith(prefix) && /^\d{1,10}$/.test(name.slice(prefix.length)))
}

/** A rename would put a file in the place of a device or FIFO. */
async function refuseOther(path: string): Promise<void> {
  const other = await lstat(path).catch(() => undefined)
  if (other && !other.isFile()) {
    const code = other.isDirectory() ? 'EISDIR' : 'ENOTFILE'
    throw Object.assign(new Error('something else is in its place'), { code })
  }
}

/** The rename itself is durable only when its folder is; some network file systems know no such call. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** A temporary file is as old as its note, give or take so many milliseconds; what came later is not its writer's. */
const SAME_TIME_MS = 60_000

async function sweep(path: string): Promise<void> {
  const note = noteOf(path)
  const { mtimeMs } = await lstat(note)
  const others = namesIn((await readRegular(note)).toString('utf8'))
  for (const name of others ? await numbered(path) : []) {
    const left = join(dirname(path), name)
    const isOld = Math.abs((await lstat(left)).mtimeMs - mtimeMs) > SAME_TIME_MS
    if (!isOld && !others?.includes(name)) await unlink(left)
  }
  await unlink(note)
}

/** What a note names; undefined where its writer died before it had made anything else. */
function namesIn(text: string): string[] | undefined {
  try {
    const names: unknown = JSON.parse(text)
    return Array.isArray(names) ? names.map(String) : undefined
  } catch {
    return undefined
  }
}
