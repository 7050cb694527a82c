import { statSync } from 'node:fs'
import type { Base } from '../services/settings.js'
import { isLocal, type Mount, readMounts } from './mounts.js'
import { isWithin, realPathWithin } from './real-path.js'

/**
 * Bases of which one lies in the other, or that are the same real folder: the later one's name and the earlier one's.
 * Touches no file system that can hang: there, and where a folder is missing, only the path as written counts.
 */
export function findOverlaps(bases: readonly Base[]): Map<string, string> {
  const mounts = readMounts()
  const places = bases.map(({ name, root }) => {
    const real = realPathWithin(root, mounts)
    return { name, real, identity: identityOf(real, mounts) }
  })
  const overlaps = new Map<string, string>()
  for (const [i, later] of places.entries()) {
    const earlier = places.slice(0, i).find((place) => {
      const same = place.identity !== undefined && place.identity === later.identity
      return same || isWithin(place.real, later.real) || isWithin(later.real, place.real)
    })
    if (earlier) overlaps.set(later.name, earlier.name)
  }
  return overlaps
}

/** Device and inode: the same folder may be mounted at two places. */
function identityOf(real: string, mounts: readonly Mount[]): string | undefined {
  if (!isLocal(real, mounts)) return undefined
  const stat = statSync(real, { bigint: true, throwIfNoEntry: false })
  return stat?.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined
}
