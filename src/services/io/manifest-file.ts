import { constants } from 'node:fs'
import { access, lstat, mkdir, open, readFile, stat, unlink, writeFile } from 'node:fs/promises'
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
  /** Replaces the manifest: whole, checked and durable, or not at all. */
  write(bytes: Buffer): Promise<void>
  writeStatus(status: Status): Promise<void>
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
    async write(bytes) {
      await makeFolder(folder, keep())
      await replace(path, bytes)
      await syncFolder(folder)
    },
    async writeStatus(status) {
      await replace(statusPath, Buffer.from(`${JSON.stringify(status)}\n`))
      await syncFolder(folder)
    },
    async sweep() {
      await sweep(path)
      await sweep(statusPath)
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
async function replace(path: string, bytes: Buffer): Promise<void> {
  await refuseOther(path)
  const note = noteOf(path)
  const options = {
    async tmpfileCreated(temporary: string) {
      await writeFile(note, basename(temporary))
      await writeFile(temporary, bytes)
      const written = await readFile(temporary)
      if (!written.equals(bytes))
        throw Object.assign(new Error('a short write'), { code: 'RI_ERR_SHORT_WRITE' })
    }
  }
  try {
    await writeFileAtomic(path, null as unknown as string, options as unknown as writeFileAtomic.Options)
  } finally {
    await unlink(note).catch(() => {})
  }
}

/** Names the temporary file of a write under way: only what it names is ever swept, never a backup of the like name. */
function noteOf(path: string): string {
  return `${path}.0`
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

async function sweep(path: string): Promise<void> {
  const note = noteOf(path)
  const name = (await readRegular(note).catch(() => Buffer.alloc(0))).toString('utf8')
  const number = name.startsWith(`${basename(path)}.`) ? name.slice(basename(path).length + 1) : ''
  if (/^[1-9]\d*$/.test(number)) await unlink(join(dirname(path), name)).catch(() => {})
  await unlink(note).catch(() => {})
}
