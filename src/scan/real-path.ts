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
    const isLooked = part !== '..' && links < MAX_LINKS && isLocal(next, mounts)
    const target = isLooked ? linkAt(next) : undefined
    if (target === null && !ahead.includes('..')) return join(next, ...ahead.toReversed())
    if (typeof target !== 'string') {
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

/** Where a link leads; null where there is nothing at all, undefined where there is something else. */
function linkAt(path: string): string | null | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : undefined
  }
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
