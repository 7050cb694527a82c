import type { ScannedMount, ScannedRoot } from '../services/scanned-root.js'
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
  return before.mount?.device !== now.mount?.device || !before.below.every(isThere)
}

/** What a scan tells of the folder that it walked. */
export function scannedRoot({ root, mount }: Place, ino: bigint): ScannedRoot {
  return { path: root, ...facts(mount), ino: ino.toString() }
}

/** What a scan tells of the mounts below that it walked. */
export function scannedMounts({ root, below }: Place, select: Select): ScannedMount[] {
  const start = root === '/' ? 1 : root.length + 1
  return below
    .map((mount) => ({ rel: mount.point.slice(start), ...facts(mount) }))
    .filter(({ rel }) => isWalked(rel, select))
}

function facts(mount: Mount | undefined): Pick<ScannedRoot, 'device' | 'type' | 'isRemote'> {
  return { device: mount?.device ?? '', type: mount?.type ?? '', isRemote: !isDisk(mount) }
}

// A single file can be a mount, too.
function isWalked(rel: string, select: Select): boolean {
  const folders = rel.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))
  return folders.every((folder) => select.folder(folder)) || selects(select, rel)
}
