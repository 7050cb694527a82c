import { join } from 'node:path'
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
    id: mount && folderId(root, mount),
    mounts: below.map(({ point }) => point.slice(start)).filter((rel) => isWalked(rel, select)),
    idOf(rel) {
      const path = join(root, rel)
      const own = mountOf(path, mounts)
      return own ? folderId(path, own) : ''
    },
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

/** A folder by its file system and its path there. */
function folderId(path: string, mount: Mount): string {
  const inner = join(mount.root, path.slice(mount.point === '/' ? 0 : mount.point.length))
  const text = [mount.type, fileSystemOf(mount), inner].join('\0')
  const known = digests.get(text)
  if (known !== undefined) return known
  if (digests.size >= MAX_DIGESTS) digests.clear()
  const digest = placeDigest(text)
  digests.set(text, digest)
  return digest
}

/** Numbers of devices mean something for disks alone: all others, and some kinds of disks, get a new one at each mount. */
function fileSystemOf(mount: Mount): string {
  return isDisk(mount) && !/^(?:btrfs|zfs|bcachefs)$/.test(mount.type) ? mount.device : mount.source
}
