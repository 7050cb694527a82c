import { constants } from 'node:fs'
import {
  access,
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  unlink,
  writeFile
} from 'node:fs/promises'
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
    sweep: () => sweep(folder, [basename(path), basename(statusPath)])
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

/**
 * Set on a temporary file while it is written, and taken away before the rename: what still has it was left by a writer
 * that died. Backups that someone keeps beside the manifest, `NAME.1` and the like, have not.
 */
const UNFINISHED = 0o1000 // the sticky bit, which means nothing on a file

/*
 * write-file-atomic makes one write call and takes a short write on a full disk for a success, so the writing is done
 * here, by a call that goes on after a short write, and read back before the rename.
 */
async function replace(path: string, bytes: Buffer): Promise<void> {
  const options: { mode?: number; tmpfileCreated(temporary: string): Promise<void> } = {
    async tmpfileCreated(temporary) {
      options.mode = (options.mode ?? (await stat(temporary)).mode) & 0o777
      await chmod(temporary, options.mode | UNFINISHED).catch(() => {}) // not every file system knows it
      await writeFile(temporary, bytes)
      const written = await readFile(temporary)
      if (!written.equals(bytes))
        throw Object.assign(new Error('a short write'), { code: 'RI_ERR_SHORT_WRITE' })
    }
  }
  await writeFileAtomic(path, null as unknown as string, options as unknown as writeFileAtomic.Options)
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

async function sweep(folder: string, names: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    const own = names.find((known) => name.startsWith(`${known}.`))
    if (own === undefined || !/^\d+$/.test(name.slice(own.length + 1))) continue
    const path = join(folder, name)
    const { mode, size } = await lstat(path)
    if ((mode & UNFINISHED) !== 0 || size === 0) await unlink(path).catch(() => {})
  }
}
