import fs from 'node:fs'
import { promisify } from 'node:util'
import type { Head } from '../services/decode.js'
import { faultCode } from './faults.js'
import { type ListingTraits, type Name, namesNow, namesSlowly } from './names.js'

/** Bytes of a file that are read at most. */
export const HEAD_BYTES = 65_536

/** The part of a stat that tells one state of a file from another. */
export interface FileStat {
  isFile: boolean
  size: number
  mtimeNs: bigint
  ctimeNs: bigint
  ino: bigint
}

/** Takes what an opened file is; its head is good until it returns. */
export type Take<T> = (stat: FileStat, head: Head | undefined) => T

/**
 * All that is ever done on a base: what is there, and the head of this. Errors are those of the file system, with
 * their `code`. Calls answer at once where the file system is local, else by a promise.
 */
export interface Hands {
  names(folder: string): Name[] | Promise<Name[]>
  /** Follows no link. */
  stat(path: string): FileStat | Promise<FileStat>
  /** Opens a regular file; follows no link. `wants` is asked with its size whether the head is wanted. */
  open<T>(path: string, wants: (size: number) => boolean, take: Take<T>): T | Promise<T>
}

/** Hands whose every call answers at once. */
export interface HandsNow extends Hands {
  names(folder: string): Name[]
  stat(path: string): FileStat
  open<T>(path: string, wants: (size: number) => boolean, take: Take<T>): T
}

// O_NONBLOCK: a FIFO that took the file's place since its folder was listed must not block.
export const FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

/** For local file systems: a call costs some microseconds, a promise ten times that. */
export function handsNow(traits: ListingTraits): HandsNow {
  return { ...syncHands, names: (folder) => namesNow(folder, traits) }
}

export const syncHands: HandsNow = {
  names: (folder) => namesNow(folder),
  stat: (path) => factsOf(fs.lstatSync(path, { bigint: true })),
  open(path, wants, take) {
    const fd = fs.openSync(path, FLAGS)
    try {
      const stat = factsOf(fs.fstatSync(fd, { bigint: true }))
      if (!stat.isFile || !wants(stat.size)) return take(stat, undefined)
      const length = fillNow(fd, 0, Math.min(stat.size, FIRST_BYTES))
      const cut = stat.size > HEAD_BYTES
      if (length < FIRST_BYTES) return take(stat, { bytes: scratch.subarray(0, length), cut })
      const whole = () => {
        const all = fillNow(fd, length, Math.min(stat.size, HEAD_BYTES))
        return { bytes: scratch.subarray(0, all), cut }
      }
      return take(stat, { bytes: scratch.subarray(0, length), cut, whole })
    } finally {
      fs.closeSync(fd)
    }
  }
}

/** Of a file that is at hand so much is read first: most say enough in it. */
const FIRST_BYTES = 4096
/** One file is read at a time, and what is made of it holds nothing of this. */
const scratch = Buffer.allocUnsafeSlow(HEAD_BYTES)

/** Reads on from `length` up to `end`; returns how far it came. */
function fillNow(fd: number, from: number, end: number): number {
  let length = from
  for (let read = -1; read !== 0 && length < end; length += read) {
    read = fs.readSync(fd, scratch, length, end - length, length)
  }
  return length
}

const lstat = promisify(fs.lstat)
const openFile = promisify(fs.open)
const fstat = promisify(fs.fstat)
const readFile = promisify(fs.read)
const closeFile = promisify(fs.close)

/** For file systems that take their time: calls go side by side, each through the gate of its base. */
export function asyncHands(
  gate: <T>(call: () => Promise<T>) => Promise<T>,
  traits: ListingTraits = {}
): Hands {
  return {
    names: (folder) => namesSlowly(folder, gate, traits),
    stat: async (path) => factsOf(await gate(() => lstat(path, { bigint: true }))),
    async open(path, wants, take) {
      const opened: Partial<Opened> = {}
      try {
        await gate(() => openSlowly(path, wants, opened))
      } catch (error) {
        // What was read is good, whatever became of closing the file; a base that was given up is not.
        if (!opened.stat || faultCode(error) === undefined) throw error
      }
      return take(opened.stat as FileStat, opened.head)
    }
  }
}

interface Opened {
  stat: FileStat
  head: Head | undefined
}

async function openSlowly(
  path: string,
  wants: (size: number) => boolean,
  opened: Partial<Opened>
): Promise<void> {
  const fd = await openFile(path, FLAGS)
  try {
    const stat = factsOf(await fstat(fd, { bigint: true }))
    const isWanted = stat.isFile && wants(stat.size)
    const bytes = isWanted ? await readAt(fd, 0, Math.min(stat.size, HEAD_BYTES)) : undefined
    Object.assign(opened, { stat, head: bytes && { bytes, cut: stat.size > HEAD_BYTES } })
  } finally {
    await closeFile(fd)
  }
}

/** Reads the first names of a folder: a mount that answers, answers this. */
export async function readFirst(folder: string): Promise<void> {
  const dir = await fs.promises.opendir(folder)
  try {
    await dir.read()
  } finally {
    await dir.close()
  }
}

/** Reads a part of an open file; fewer bytes than asked for at its end alone. */
export async function readAt(fd: number, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  for (let read = -1; read !== 0 && filled < length; filled += read) {
    read = (await readFile(fd, bytes, filled, length - filled, from + filled)).bytesRead
  }
  return bytes.subarray(0, filled)
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
