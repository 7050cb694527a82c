import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Calls } from './calls.js'

/** Whose a staged file is: a process of a namespace of process ids, in one run of one host. */
export interface Writer {
  host: string
  run: string
  namespace: string
  pid: number
}

/** This process as a writer. */
export const thisWriter: Writer = {
  host: digest(
    () => (existsSync('/etc/machine-id') ? readFileSync('/etc/machine-id', 'utf8') : '') + hostname()
  ),
  run: digest(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
  namespace: digest(() => readlinkSync('/proc/self/ns/pid')),
  pid: process.pid
}

function digest(read: () => string): string {
  try {
    return createHash('sha256').update(read()).digest('hex').slice(0, 8)
  } catch {
    return randomUUID().slice(0, 8)
  }
}

/** Where a writer writes a file before it takes its place: hidden, and a name that nobody else gives, nor this one again. */
export function stagedPath(path: string, { host, run, namespace, pid }: Writer = thisWriter): string {
  const mark = `${host}-${run}-${namespace}-${pid}-${randomBytes(4).toString('hex')}`
  return join(dirname(path), `.${basename(path)}.${mark}.new`)
}

const STAGED = /^\.(.*)\.([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})(?:-(\d+)-[0-9a-f]{8})?\.new(?:\.\d+)?$/
/** What a writer that this one knows nothing of has left is abandoned after so many milliseconds. */
const ABANDONED_MS = 10 * 60_000

/**
 * Removes staged files whose writers are dead, and what this process has left.
 * @param paths of the files that they were to replace, in one folder
 * @throws the file system's error where such a file cannot be removed: another one would only lie beside it
 */
export async function sweepStaged(paths: readonly string[], now: number, calls: Calls): Promise<void> {
  const folder = dirname(paths[0] as string)
  const names = paths.map((path) => basename(path))
  for (const name of await calls.readdir(folder).catch(() => [])) {
    const [, file, host, run, namespace, pid] = STAGED.exec(name) ?? []
    if (file === undefined || !names.includes(file)) continue
    const left = join(folder, name)
    const isDead = isDeadWriter({ host, run, namespace, pid: Number(pid) })
    if (isDead || (await isAbandoned(left, now, calls))) await remove(left, calls)
  }
}

function isDeadWriter({
  host,
  run,
  namespace,
  pid
}: { [K in keyof Writer]: Writer[K] | undefined }): boolean {
  if (host !== thisWriter.host) return false
  if (run !== thisWriter.run) return true
  return namespace === thisWriter.namespace && (pid === thisWriter.pid || !isAlive(pid))
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || !Number.isInteger(pid)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function isAbandoned(path: string, now: number, calls: Calls): Promise<boolean> {
  const stat = await calls.lstat(path).catch(() => undefined)
  return stat !== undefined && Math.abs(stat.mtimeMs - now) > ABANDONED_MS
}

async function remove(path: string, calls: Calls): Promise<void> {
  await calls.unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
