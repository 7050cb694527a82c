import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import type { Status } from '../../schemas/manifest.js'
import { SEAL_LINE_BYTES } from '../manifest.js'
import { type OpenedManifest, openManifest } from '../open-manifest.js'
import type { Began, Replacement } from '../replacement.js'
import { type Salvaged, salvage } from '../salvage.js'
import { asidePathOf, readStatus, statusPathOf } from '../status.js'
import { type Calls, callsNow, slowCalls } from './calls.js'
import { signOf } from './manifest-look.js'
import { stagedPath, sweepStaged } from './staged-file.js'

/** What lies in the manifest's place. */
export type Found =
  | { state: 'ok'; opened: OpenedManifest; stamp: string | undefined }
  | {
      state: 'missing' | 'corrupt' | 'unreadable' | 'late'
      reason: string
      stamp: string | undefined
      /** Entries of a manifest that cannot be taken as it is. */
      salvaged?: Salvaged | undefined
    }

/** The manifest and its companion on their file system. */
export interface ManifestFile {
  /** Changes whenever the manifest or its companion was replaced or written to. */
  stamps(): Promise<Began>
  read(): Promise<Found>
  readStatus(): Promise<Status | undefined>
  /**
   * Replaces the manifest: whole, checked and durable, or not at all.
   * @returns the stamp of what was written
   * @throws with code RI_ERR_OVERTAKEN where another manifest or another build's companion is in place than when it began;
   * RI_ERR_LATE where nobody wants it any more; the file system's error
   */
  write(bytes: Buffer, replacement: Replacement, isWanted?: () => boolean): Promise<string>
  /** @param manifest stamp of the manifest that it tells of; it is not written beside another one */
  writeStatus(status: Status, manifest: string | undefined, isWanted?: () => boolean): Promise<void>
  /** Removes what dead writers left. */
  sweep(isWanted?: () => boolean): Promise<void>
}

/** Keeps writers apart for the moment in which they look at what is in place and replace it. */
export type PlaceLock = <T>(work: () => Promise<T>) => Promise<T>

export interface ManifestFileOptions {
  /** Absolute path of the manifest, links resolved. */
  path: string
  /** The folders that are never made: the bases' roots, links resolved. */
  keep(): readonly string[]
  /** Milliseconds since 1970. */
  now(): number
  /** Whether calls on its file system can hang. */
  canHang(): boolean
  placeLock: PlaceLock
}

export function manifestFile({ path, keep, now, canHang, placeLock }: ManifestFileOptions): ManifestFile {
  const calls = () => (canHang() ? slowCalls : callsNow)
  const folder = dirname(path)
  const statusPath = statusPathOf(path)
  const stampNow = () => stampOf(path, calls())
  return {
    async stamps() {
      return { manifest: await stampNow(), status: await statStamp(statusPath, calls()) }
    },
    async read() {
      const stamp = await stampNow()
      try {
        const bytes = await calls().read(path)
        const opened = openManifest(bytes)
        if (opened) return { state: 'ok', opened, stamp }
        return { state: 'corrupt', reason: CORRUPT, stamp, salvaged: salvage(bytes) }
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
    async write(bytes, { began, keepsAside, placing }, isWanted = () => true) {
      const hands = calls()
      checkWanted(isWanted)
      await makeFolder(folder, keep(), hands)
      const stamp = await stage(path, bytes, hands, async (staged) =>
        placeLock(async () => {
          checkWanted(isWanted)
          placing(signOf(await hands.lstat(staged)))
          // Right before the rename: where no lock keeps builders apart, what lies between is what may be lost.
          await checkBegan(began)
          if (keepsAside) await setAside(path, hands)
          await hands.rename(staged, path)
          return await stampNow()
        })
      )
      // Somebody that knows of no lock has put another one there at once.
      if (stamp === undefined || !stamp.endsWith(tailIn(bytes))) throw overtaken()
      await syncFolder(folder, hands)
      return stamp
    },
    async writeStatus(status, manifest, isWanted = () => true) {
      const hands = calls()
      checkWanted(isWanted)
      await stage(statusPath, Buffer.from(`${JSON.stringify(status)}\n`), hands, async (staged) =>
        placeLock(async () => {
          checkWanted(isWanted)
          if ((await stampNow()) !== manifest) throw overtaken()
          await hands.rename(staged, statusPath)
        })
      )
      await syncFolder(folder, hands)
    },
    async sweep(isWanted = () => true) {
      checkWanted(isWanted)
      await sweepStaged([path, statusPath], now(), calls())
    }
  }

  async function checkBegan({ manifest, status }: Began): Promise<void> {
    if ((await statStamp(statusPath, calls())) !== status) throw overtaken()
    if ((await stampNow()) !== manifest) throw overtaken()
  }
}

const CORRUPT = 'it does not match its digest or its schema'

function overtaken(): Error {
  return Object.assign(new Error('another builder was faster'), { code: 'RI_ERR_OVERTAKEN' })
}

function checkWanted(isWanted: () => boolean): void {
  if (!isWanted()) throw Object.assign(new Error('called off'), { code: 'RI_ERR_LATE' })
}

/** What an error of opening or reading the manifest means. */
export function absence(error: unknown): { state: 'missing' | 'corrupt' | 'unreadable'; reason: string } {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'missing', reason: 'it does not exist' }
  if (code === 'ETOOLARGE') return { state: 'corrupt', reason: 'it is too large to be a manifest' }
  const reason = code === 'ENOTFILE' ? 'it is not a regular file' : `it can not be read (${code})`
  return { state: 'unreadable', reason }
}

/**
 * The stat of a manifest and its last bytes, which are its seal: a stat alone can come again, where times are whole seconds
 * and inodes are given out anew. Undefined where there is no stat: no answer is the same as another one.
 */
async function stampOf(path: string, calls: Calls): Promise<string | undefined> {
  const stat = await statStamp(path, calls)
  if (stat === undefined) return undefined
  try {
    return `${stat} ${tailIn(await calls.tail(path, SEAL_LINE_BYTES))}`
  } catch (error) {
    return `${stat} ${(error as NodeJS.ErrnoException).code}`
  }
}

function tailIn(bytes: Buffer): string {
  return bytes.toString('base64', Math.max(0, bytes.length - SEAL_LINE_BYTES))
}

async function statStamp(path: string, calls: Calls): Promise<string | undefined> {
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
 * beside the place, which is read back when it is closed (some mounts write no earlier), and put in place when it is right.
 */
async function stage<T>(
  path: string,
  bytes: Buffer,
  calls: Calls,
  place: (staged: string) => Promise<T>
): Promise<T> {
  const before = await refuseOther(path, calls)
  const staged = stagedPath(path)
  try {
    await calls.write(
      staged,
      bytes,
      before ? { mode: before.mode, chown: { uid: before.uid, gid: before.gid } } : {}
    )
    if (!(await calls.holds(staged, bytes)))
      throw Object.assign(new Error('a short write'), { code: 'RI_ERR_SHORT_WRITE' })
    return await place(staged)
  } catch (error) {
    await calls.unlink(staged).catch(() => {})
    throw error
  }
}

/** Names that are tried for it. */
const MAX_ASIDE = 3

/** Keeps what cannot be used under a name of its own; one such file at most. */
async function setAside(path: string, calls: Calls): Promise<void> {
  const size = await calls.stat(path).then(
    (stat) => stat.size,
    () => 0
  )
  if (size === 0) return
  for (let turn = 0; turn < MAX_ASIDE; turn++) {
    const aside = `${asidePathOf(path)}${turn === 0 ? '' : `.${turn}`}`
    // Something else may have this name, and stay.
    await calls.unlink(aside).catch(() => {})
    // A second name first: at no moment is there no manifest. Some file systems, and files of other users, have none.
    const isKept = await calls.link(path, aside).then(
      () => true,
      () =>
        calls.rename(path, aside).then(
          () => true,
          () => false
        )
    )
    if (isKept) return
  }
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
