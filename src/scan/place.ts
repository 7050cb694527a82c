import { type BasePlace, placeDigest } from '../services/base-place.js'
import { type Select, selects } from '../services/select.js'
import { isDisk, type Mount, mountOf } from './mounts.js'
import { isWithin } from './real-path.js'

/** What a walk of a folder comes to. */
export interface Place {
  /** The folder, links resolved. */
  root: string
  /** The mount that it lies on; undefined where the system does not tell. */
  mount: Mount | undefined
  /** The mounts below it that nothing hides, in mounting order. */
  below: Mount[]
}

/** @param root an absolute path, links resolved */
export function placeAt(root: string, mounts: readonly Mount[]): Place {
  return { root, mount: mountOf(root, mounts), below: visibleBelow(root, mounts) }
}

// What was mounted later over a folder hides all that was mounted below it before.
function visibleBelow(root: string, mounts: readonly Mount[]): Mount[] {
  const below: Mount[] = []
  for (const mount of mounts) {
    const { point } = mount
    if (isWithin(root, point)) below.length = 0
    else if (isWithin(point, root)) {
      for (let i = below.length - 1; i >= 0; i--)
        if (isWithin((below[i] as Mount).point, point)) below.splice(i, 1)
      below.push(mount)
    }
  }
  return below
}

/** All mounts of a place. */
export function mountsOf({ mount, below }: Place): (Mount | undefined)[] {
  return [mount, ...below]
}

/** Whether the folder's mount, or one below it, is not there any more: what was not found meanwhile may be there. */
export function hasLostMounts(before: Place, now: Place): boolean {
  const isThere = ({ point, device }: Mount) =>
    now.below.some((mount) => mount.point === point && mount.device === device)
  // What is mounted on demand comes up when it is entered.
  const isOnDemand = before.mount?.type === 'autofs'
  const isMoved = before.mount?.device !== now.mount?.device && !isOnDemand
  return isMoved || !before.below.every((mount) => mount.type === 'autofs' || isThere(mount))
}

/** The same as the builder keeps it. */
export function basePlaceOf(
  { root, mount, below }: Place,
  mounts: readonly Mount[],
  select: Select
): BasePlace {
  const start = root === '/' ? 1 : root.length + 1
  return {
    path: root,
    mount: mount && mountDigest(mount),
    mounts: below
      .map((each) => ({ rel: each.point.slice(start), mount: mountDigest(each) }))
      .filter(({ rel }) => isWalked(rel, select)),
    present: new Set(mounts.map(mountDigest)),
    isAutomount: mount?.type === 'autofs'
  }
}

// A single file can be a mount, too.
function isWalked(rel: string, select: Select): boolean {
  const folders = rel.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))
  return folders.every((folder) => select.folder(folder)) || selects(select, rel)
}

const digests = new Map<string, string>()
const MAX_DIGESTS = 4096

/** Device numbers are given anew at each mount, and disks are renumbered: neither tells a mount from another. */
function mountDigest(mount: Mount): string {
  const { point, type, root, source } = mount
  const text = [point, type, root, isDisk(mount) ? '' : source].join('\0')
  const known = digests.get(text)
  if (known !== undefined) return known
  if (digests.size >= MAX_DIGESTS) digests.clear()
  const digest = placeDigest(text)
  digests.set(text, digest)
  return digest
}
