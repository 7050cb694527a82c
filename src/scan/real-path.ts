import { readlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isLocal, type Mount, readMounts } from './mounts.js'

const MAX_LINKS = 40

/**
 * Resolves the links of a path without touching a file system that can hang: what lies on one stays as it is written.
 * What does not exist stays as it is written, too.
 * @param path absolute
 */
export function realPathWithin(path: string, mounts: readonly Mount[] = readMounts()): string {
  let real = '/'
  const ahead = resolve(path).split('/').filter(Boolean).toReversed()
  for (let links = 0, part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    const next = part === '..' ? dirname(real) : join(real, part)
    const target = part !== '..' && links < MAX_LINKS && isLocal(next, mounts) ? linkAt(next) : undefined
    if (target === undefined) {
      real = next
      continue
    }
    links++
    if (target.startsWith('/')) real = '/'
    ahead.push(
      ...target
        .split('/')
        .filter((piece) => piece !== '' && piece !== '.')
        .toReversed()
    )
  }
  return real
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
