import fs, { type Stats } from 'node:fs'
import fsp from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { holdsNow, readRegular, readRegularNow, tailNow, tailOf } from './read-file.js'

/** How a written file's mode and owner are set. */
export type WriteOptions = Parameters<typeof writeFileAtomic>[2]

/** The file calls that a manifest is kept with. Errors are those of the file system, with their `code`. */
export interface Calls {
  stat(path: string): Promise<Stats>
  lstat(path: string): Promise<Stats>
  access(path: string): Promise<void>
  readdir(path: string): Promise<string[]>
  makeFolder(path: string): Promise<void>
  read(path: string): Promise<Buffer>
  /** Whether a file holds these bytes. */
  holds(path: string, bytes: Buffer): Promise<boolean>
  /** Writes, syncs and closes a file, by a temporary one beside it. */
  write(path: string, bytes: Buffer, options: WriteOptions): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** Gives a file a second name. */
  link(path: string, name: string): Promise<void>
  /** The last bytes of a file, so many at most. */
  tail(path: string, bytes: number): Promise<Buffer>
  /** Makes a folder's own changes durable. */
  sync(folder: string): Promise<void>
}

/** For file systems that can hang. */
export const slowCalls: Calls = {
  stat: (path) => fsp.stat(path),
  lstat: (path) => fsp.lstat(path),
  access: (path) => fsp.access(path),
  readdir: (path) => fsp.readdir(path),
  makeFolder: async (path) => {
    await fsp.mkdir(path, { recursive: true })
  },
  read: (path) => readRegular(path),
  holds: async (path, bytes) => (await readRegular(path)).equals(bytes),
  write: (path, bytes, options) => writeFileAtomic(path, bytes, options ?? {}),
  rename: (from, to) => fsp.rename(from, to),
  unlink: (path) => fsp.unlink(path),
  link: (path, name) => fsp.link(path, name),
  tail: (path, bytes) => tailOf(path, bytes),
  async sync(folder) {
    const handle = await fsp.open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
}

/** For local disks: a call costs some microseconds, and a turn of the event loop for its answer a hundred times that. */
export const callsNow: Calls = {
  stat: async (path) => fs.statSync(path),
  lstat: async (path) => fs.lstatSync(path),
  access: async (path) => fs.accessSync(path),
  readdir: async (path) => fs.readdirSync(path),
  makeFolder: async (path) => {
    fs.mkdirSync(path, { recursive: true })
  },
  read: async (path) => readRegularNow(path),
  holds: async (path, bytes) => holdsNow(path, bytes),
  write: async (path, bytes, options) => writeFileAtomic.sync(path, bytes, options ?? {}),
  rename: async (from, to) => fs.renameSync(from, to),
  unlink: async (path) => fs.unlinkSync(path),
  link: async (path, name) => fs.linkSync(path, name),
  tail: async (path, bytes) => tailNow(path, bytes),
  async sync(folder) {
    const fd = fs.openSync(folder, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  }
}
