import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { faultCode, isGone } from './faults.js'
import { type Calls, canPin, pinFolder } from './pin.js'
import { realPathWithin } from './real-path.js'

/**
 * Does something with a file below a base, in a folder that nobody can exchange meanwhile; on Linux alone the folder can be
 * held.
 * @param rel path below the base
 * @param top the base's real path
 * @param use takes a path that leads to the file through no link but, perhaps, the file itself
 * @returns undefined where there is no such folder
 * @throws the file system's error
 */
export async function atFile<T>(
  rel: string,
  top: string,
  calls: Calls | undefined,
  use: (path: string) => Promise<T>
): Promise<T | undefined> {
  if (!canPin()) {
    const path = join(top, rel)
    return (await realPathOf(path, calls)) === path ? await use(path) : undefined
  }
  const parts = rel.split('/')
  const name = parts.pop() as string
  const folder = await pinFolder(top, parts, calls)
  if (!folder) return undefined
  try {
    return await use(`${folder.path}/${name}`)
  } finally {
    folder.unpin()
  }
}

/** The real path of what may not exist: what is missing stays as it is written. */
export async function realPathOf(path: string, calls: Calls | undefined): Promise<string> {
  if (!calls) return realPathWithin(path)
  try {
    return await calls(() => realpath(path))
  } catch (error) {
    if (!(isGone(error) || faultCode(error) === 'ENAMETOOLONG') || dirname(path) === path) throw error
    return join(await realPathOf(dirname(path), calls), basename(path))
  }
}
