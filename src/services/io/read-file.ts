import fs, { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Room for some four million reports; nothing larger is a manifest. */
const MOST_BYTES = 1 << 30

/**
 * Reads a regular file whole. A FIFO or device in its place is refused at once, not waited for.
 * @param onPiece called for each piece that was read
 * @throws the file system's error; with code ENOTFILE where it is no regular file, ETOOLARGE where it is none of ours
 */
export async function readRegular(path: string, onPiece = () => {}): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return await readAll(handle, sizeOf(await handle.stat()), onPiece)
  } finally {
    await handle.close()
  }
}

/** The same at once, for local disks. */
export function readRegularNow(path: string): Buffer {
  const fd = fs.openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const bytes = Buffer.allocUnsafe(sizeOf(fs.fstatSync(fd)))
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = fs.readSync(fd, bytes, length, bytes.length - length, length)
    return bytes.subarray(0, length)
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * The last bytes of a regular file, so many at most.
 * @throws as readRegular
 */
export async function tailOf(path: string, bytes: number): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const size = sizeOf(await handle.stat())
    const tail = Buffer.alloc(Math.min(size, bytes))
    const { bytesRead } = await handle.read(tail, 0, tail.length, size - tail.length)
    return tail.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The same at once, for local disks. */
export function tailNow(path: string, bytes: number): Buffer {
  const fd = fs.openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const size = sizeOf(fs.fstatSync(fd))
    const tail = Buffer.alloc(Math.min(size, bytes))
    return tail.subarray(0, fs.readSync(fd, tail, 0, tail.length, size - tail.length))
  } finally {
    fs.closeSync(fd)
  }
}

/** Whether a file holds these bytes; piece by piece, so that no second copy of all is needed. */
export function holdsNow(path: string, bytes: Buffer): boolean {
  const fd = fs.openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const piece = Buffer.allocUnsafe(Math.min(bytes.length, COMPARED_BYTES) + 1)
    for (let at = 0; ; ) {
      const read = fs.readSync(fd, piece, 0, piece.length, at)
      if (read === 0) return at === bytes.length
      if (!bytes.subarray(at, at + read).equals(piece.subarray(0, read))) return false
      at += read
    }
  } finally {
    fs.closeSync(fd)
  }
}

const COMPARED_BYTES = 1 << 18

function sizeOf(stat: Stats): number {
  if (!stat.isFile())
    throw Object.assign(new Error('not a regular file'), { code: 'ENOTFILE', syscall: 'read' })
  if (stat.size > MOST_BYTES)
    throw Object.assign(new Error('too large'), { code: 'ETOOLARGE', syscall: 'read' })
  return stat.size
}

/** Large pieces: each is a turn of the event loop, and a turn costs more than what is gained by small ones. */
const PIECE_BYTES = 16 << 20

async function readAll(handle: FileHandle, size: number, onPiece: () => void): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size)
  let length = 0
  for (let read = -1; read !== 0 && length < size; length += read) {
    read = (await handle.read(bytes, length, Math.min(size - length, PIECE_BYTES), length)).bytesRead
    onPiece()
  }
  return bytes.subarray(0, length)
}
