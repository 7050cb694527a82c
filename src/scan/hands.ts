import { isUtf8 } from 'node:buffer'
import fs from 'node:fs'
import { promisify } from 'node:util'
import type { Head } from '../services/decode.js'

/** Bytes of a file that are read at most. */
const HEAD_BYTES = 65_536

export type Kind = 'file' | 'folder' | 'link' | 'other'

/** A name in a folder; `invalid` where it is not UTF-8: `name` then shows each bad byte as `\xNN`. */
export interface Name {
  name: string
  kind: Kind
  invalid?: boolean
}

/** The part of a stat that tells one state of a file from another. */
export interface FileStat {
  isFile: boolean
  size: number
  mtimeNs: bigint
  ctimeNs: bigint
  ino: bigint
}

export interface Opened {
  stat: FileStat
  /** Absent where the caller did not want it. */
  head?: Head
}

/**
 * All that is ever done on a base: what is there, and the head of this. Errors are those of the file system, with
 * their `code`. Calls answer at once where the file system is local, else by a promise.
 */
export interface Hands {
  names(folder: string): Name[] | Promise<Name[]>
  /** Follows no link. */
  stat(path: string): FileStat | Promise<FileStat>
  /** Opens a regular file; follows no link. `wants` is asked with its size. */
  open(path: string, wants: (size: number) => boolean): Opened | Promise<Opened>
}

// O_NONBLOCK: a FIFO that took the file's place since its folder was listed must not block.
const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

/** For local file systems: a call costs some microseconds, a promise ten times that. */
export const syncHands: Hands = {
  names(folder) {
    const entries = fs.readdirSync(folder, { withFileTypes: true })
    return isClean(entries) ? entries.map(named) : decodeNames(fs.readdirSync(folder, BYTES))
  },
  stat: (path) => factsOf(fs.lstatSync(path, { bigint: true })),
  open(path, wants) {
    const fd = fs.openSync(path, FLAGS)
    try {
      const stat = factsOf(fs.fstatSync(fd, { bigint: true }))
      if (!stat.isFile || !wants(stat.size)) return { stat }
      const bytes = Buffer.allocUnsafe(Math.min(stat.size, HEAD_BYTES))
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = fs.readSync(fd, bytes, length, bytes.length - length, length)
      }
      return { stat, head: { bytes: bytes.subarray(0, length), cut: stat.size > HEAD_BYTES } }
    } finally {
      fs.closeSync(fd)
    }
  }
}

const readdir = promisify(fs.readdir)
const lstat = promisify(fs.lstat)
const openFile = promisify(fs.open)
const fstat = promisify(fs.fstat)
const readFile = promisify(fs.read)
const closeFile = promisify(fs.close)

/** For file systems that take their time: calls go side by side, each through the gate of its base. */
export function asyncHands(gate: <T>(call: () => Promise<T>) => Promise<T>): Hands {
  return {
    async names(folder) {
      const entries = await gate(() => readdir(folder, { withFileTypes: true }))
      return isClean(entries) ? entries.map(named) : decodeNames(await gate(() => readdir(folder, BYTES)))
    },
    stat: async (path) => factsOf(await gate(() => lstat(path, { bigint: true }))),
    open: (path, wants) => gate(() => openSlowly(path, wants))
  }
}

async function openSlowly(path: string, wants: (size: number) => boolean): Promise<Opened> {
  const fd = await openFile(path, FLAGS)
  try {
    const stat = factsOf(await fstat(fd, { bigint: true }))
    if (!stat.isFile || !wants(stat.size)) return { stat }
    const bytes = Buffer.allocUnsafe(Math.min(stat.size, HEAD_BYTES))
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = (await readFile(fd, bytes, length, bytes.length - length, length)).bytesRead
    }
    return { stat, head: { bytes: bytes.subarray(0, length), cut: stat.size > HEAD_BYTES } }
  } finally {
    await closeFile(fd)
  }
}

const BYTES = { withFileTypes: true, encoding: 'buffer' } as unknown as { withFileTypes: true }

// A bad byte is decoded as U+FFFD, which may also stand in a good name: only then the bytes are looked at.
function isClean(entries: fs.Dirent[]): boolean {
  return entries.every(({ name }) => !name.includes('\ufffd'))
}

function decodeNames(entries: fs.Dirent[]): Name[] {
  return entries.map((entry) => {
    const bytes = entry.name as unknown as Buffer
    if (isUtf8(bytes)) return { name: bytes.toString('utf8'), kind: kindOf(entry) }
    return { name: showBytes(bytes), kind: kindOf(entry), invalid: true }
  })
}

/** A name whose bytes are not UTF-8, each bad byte shown as `\xNN`. */
export function showBytes(bytes: Buffer): string {
  let shown = ''
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)))
    shown += length ? bytes.toString('utf8', at, at + length) : `\\x${bytes.toString('hex', at, at + 1)}`
    at += length ?? 1
  }
  return shown
}

function named(entry: fs.Dirent): Name {
  return { name: entry.name, kind: kindOf(entry) }
}

function kindOf(entry: fs.Dirent): Kind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

function factsOf(stat: fs.BigIntStats): FileStat {
  return {
    isFile: stat.isFile(),
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ino: stat.ino
  }
}
