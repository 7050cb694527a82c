import { join } from 'node:path'
import type { Base } from '../services/settings.js'
import { type Mount, mountOf, readMounts } from './mounts.js'
import { isWithin, realPathWithin } from './real-path.js'

/**
 * Bases of which one lies in the other, or that are the same real folder: the later one's name and the earlier one's.
 * Touches no base: links on local disks are resolved, and the kernel tells what is mounted where (the same folder may be
 * mounted at two places).
 */
export function findOverlaps(bases: readonly Base[]): Map<string, string> {
  const mounts = readMounts()
  const places = bases.map(({ name, root }) => ({ name, ...placeOf(realPathWithin(root, mounts), mounts) }))
  const overlaps = new Map<string, string>()
  for (const [i, later] of places.entries()) {
    const earlier = places.slice(0, i).find((place) => doOverlap(place, later))
    if (earlier) overlaps.set(later.name, earlier.name)
  }
  return overlaps
}

interface Place {
  real: string
  device: string | undefined
  /** The path within its file system. */
  inner: string
}

function placeOf(real: string, mounts: readonly Mount[]): Place {
  const mount = mountOf(real, mounts)
  const below = mount ? real.slice(mount.point === '/' ? 0 : mount.point.length) : real
  return { real, device: mount?.device, inner: join(mount?.root ?? '/', below) }
}

function doOverlap(a: Place, b: Place): boolean {
  if (isWithin(a.real, b.real) || isWithin(b.real, a.real)) return true
  return (
    a.device !== undefined &&
    a.device === b.device &&
    (isWithin(a.inner, b.inner) || isWithin(b.inner, a.inner))
  )
}
