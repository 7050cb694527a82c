import { join } from 'node:path'
import type { Base } from '../services/settings.js'
import { type Mount, mountOf, readMounts } from './mounts.js'
import { isWithin, realPathWithin } from './real-path.js'

/**
 * Bases of which one lies in the other, or that are the same real folder: the later one's name and the earlier one's.
 * Touches no base: links on local disks are resolved, and the kernel tells what is mounted where (the same folder may be
 * mounted at two places).
 */
export function findOverlaps(
  bases: readonly Base[],
  mounts: readonly Mount[] = readMounts()
): Map<string, string> {
  const places = bases.map(({ name, root }) => ({ name, ...placeOf(realPathWithin(root, mounts), mounts) }))
  const overlaps = new Map<string, string>()
  for (const [i, later] of places.entries()) {
    const earlier = places.slice(0, i).find((place) => doOverlap(place, later, mounts))
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

function doOverlap(a: Place, b: Place, mounts: readonly Mount[]): boolean {
  if (isWithin(a.real, b.real) || isWithin(b.real, a.real)) return true
  return [[a, b] as const, [b, a] as const].some(([outer, inner]) =>
    [outer, ...placesBelow(outer, mounts)].some((place) => shareFolder(place, inner))
  )
}

/** What is mounted below a base is walked with it. */
function placesBelow({ real }: Place, mounts: readonly Mount[]): Place[] {
  return mounts
    .filter(({ point }) => point !== real && isWithin(point, real))
    .map(({ point }) => placeOf(point, mounts))
}

function shareFolder(a: Place, b: Place): boolean {
  if (a.device === undefined || a.device !== b.device) return false
  return isWithin(a.inner, b.inner) || isWithin(b.inner, a.inner)
}
