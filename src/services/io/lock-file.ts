import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { digestOf } from '../etag.js'
import { nativeLocks } from './native-locks.js'

/** Where a manifest lies. */
export interface LockPlace {
  /** The manifest's real path. */
  path: string
  /** Whether calls on its file system answer at once. */
  local: boolean
}

/** What a lock keeps apart, as a byte of the lock file. */
export const BUILDING = 0
export const PLACING = 1

/** A lock that was granted; or in whose hands it is; or that there is none to be had. */
export type Attempt = { release(): void } | { owner: string } | 'none'

/** Tries to take a lock, at once. */
export function tryLock(place: LockPlace, part: typeof BUILDING | typeof PLACING): Attempt {
  const locks = nativeLocks()
  if (!locks) return 'none'
  for (const path of pathsFor(place)) {
    const fd = openAt(path)
    if (fd === undefined) continue
    try {
      if (!locks.tryLock(fd, part, 1)) return { owner: close(fd, ownerIn(fd)) }
      if (part === BUILDING) sign(fd)
      // Whoever removed the file meanwhile made room for another one, which is the lock now.
      if (isAt(path, fd)) return { release: () => fs.closeSync(fd) }
      return { owner: close(fd, '') }
    } catch {
      close(fd, undefined) // a file system without such locks
    }
  }
  return 'none'
}

function close<T>(fd: number, result: T): T {
  fs.closeSync(fd)
  return result
}

/** Beside the manifest; and, where that lies on a mount or cannot be written to, in a folder of this user's. */
function* pathsFor({ path, local }: LockPlace): Generator<string> {
  if (local) yield join(dirname(path), `.${basename(path)}.lock`)
  const own = ownFolder()
  if (own !== undefined) yield join(own, `${digestOf(path).slice(0, 32)}.lock`)
}

/** A folder that nobody else can write to; undefined where there is none to be had. */
function ownFolder(): string | undefined {
  const uid = process.getuid?.() ?? 0
  const folder = join(tmpdir(), `reports-index-${uid}`)
  try {
    fs.mkdirSync(folder, { mode: 0o700, recursive: false })
  } catch {
    // it is there, or cannot be made
  }
  try {
    const stat = fs.lstatSync(folder)
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0 ? folder : undefined
  } catch {
    return undefined
  }
}

/** Who may write in the folder may take the lock, and nobody else: a lock may be held for good. */
function openAt(path: string): number | undefined {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants
  try {
    return fs.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return undefined
  }
  try {
    const { mode, uid, gid } = fs.statSync(dirname(path))
    const fd = fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    if (process.getuid?.() === 0) fs.fchownSync(fd, uid, gid)
    fs.fchmodSync(fd, 0o600 | (mode & 0o020 && 0o060) | (mode & 0o002 && 0o006))
    return fd
  } catch (error) {
    // Another process was faster: its file is tried at the next turn.
    return (error as NodeJS.ErrnoException).code === 'EEXIST' ? openAt(path) : undefined
  }
}

function isAt(path: string, fd: number): boolean {
  const there = fs.statSync(path, { throwIfNoEntry: false, bigint: true })
  const here = fs.fstatSync(fd, { bigint: true })
  return there?.ino === here.ino && there.dev === here.dev
}

const OWNER_BYTES = 128

/** Says who holds the lock: each time another text, so that those who wait see that it changed hands. */
function sign(fd: number): void {
  const text = JSON.stringify({ pid: process.pid, turn: randomUUID() })
  fs.writeSync(fd, text.padEnd(OWNER_BYTES), 0)
}

function ownerIn(fd: number): string {
  const bytes = Buffer.alloc(OWNER_BYTES)
  return bytes.toString('utf8', 0, fs.readSync(fd, bytes, 0, OWNER_BYTES, 0))
}
