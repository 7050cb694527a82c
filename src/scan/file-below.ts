import fs from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { faultCode, isGone, makeFault } from './faults.js'
import { type Calls, type Pinned, pinNow, pinSlowly } from './pin.js'
import { realPathWithin } from './real-path.js'

/** A folder on the way to a file. */
type Held = Pick<Pinned, 'path' | 'unpin'>

/**
 * Tells how a name is spelled in its folder.
 * @param folder the folder's rel
 * @param path leads to it
 * @returns undefined where the folder does not list it
 */
export type Spell = (folder: string, path: string, name: string) => Promise<string | undefined>

/**
 * Does something with a file below a base. Each folder on the way is held (where it can be) and reached through no link, so
 * nobody can lead what is read there out of the base by putting a link in the place of a folder in between.
 * @param rel path below the base
 * @param top the base's real path
 * @param use takes a path that leads to the file through no link but, perhaps, the file itself, and its rel as it is spelled
 * @returns undefined where there is no such folder
 * @throws the file system's error
 */
export async function atFile<T>(
  rel: string,
  top: string,
  calls: Calls | undefined,
  use: (path: string, rel: string) => Promise<T>,
  spell?: Spell
): Promise<T | undefined> {
  const parts = rel.split('/')
  const name = parts.pop() as string
  let held = await hold(top, calls)
  let folder = ''
  try {
    for (const part of parts) {
      const spelled = held && (await spelledIn(held, folder, part, spell))
      if (!held || spelled === undefined) return undefined
      const next: Held | undefined = await hold(join(held.path, spelled), calls)
      held.unpin()
      held = next
      folder = below(folder, spelled)
    }
    const spelled = held && (await spelledIn(held, folder, name, spell))
    if (!held || spelled === undefined) return undefined
    return await use(join(held.path, spelled), below(folder, spelled))
  } finally {
    held?.unpin()
  }
}

async function spelledIn(held: Held, folder: string, name: string, spell: Spell | undefined) {
  return spell ? await spell(folder, held.path, name) : name
}

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}

/** @returns undefined where there is no such folder, or a link */
async function hold(path: string, calls: Calls | undefined): Promise<Held | undefined> {
  try {
    const pinned = calls ? await pinSlowly(path, calls) : pinNow(path, false)
    return pinned ?? (await checkFolder(path, calls))
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

// Where nothing can be held.
async function checkFolder(path: string, calls: Calls | undefined): Promise<Held> {
  const stat = calls ? await calls(() => lstat(path)) : fs.lstatSync(path)
  if (!stat.isDirectory()) throw makeFault('ENOTDIR')
  return { path, unpin() {} }
}

/** The real path of what may not exist: what is missing stays as it is written. */
export async function realPathOf(path: string, calls: Calls | undefined): Promise<string> {
  if (!calls) return realPathWithin(path)
  try {
    return await calls(() => realpath(path))
  } catch (error) {
    const isThere = !isGone(error) && faultCode(error) !== 'ENAMETOOLONG'
    if (isThere || dirname(path) === path) throw error
    return join(await realPathOf(dirname(path), calls), basename(path))
  }
}
