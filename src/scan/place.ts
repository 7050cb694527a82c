import { type Place, placeDigest } from '../services/base-place.js'
import { isDisk, type Mount, mountOf } from './mounts.js'
import { isWithin } from './real-path.js'

/** Where a folder lies, as the mount table tells. */
export function placeOf(path: string, mounts: readonly Mount[]): Place {
  const own = mountOf(path, mounts)
  const below = mounts.filter(({ point }) => point !== path && isWithin(point, path))
  const start = path === '/' ? 1 : path.length + 1
  return {
    path,
    mount: own && mountDigest(own),
    mounts: below.map((mount) => ({ rel: mount.point.slice(start), mount: mountDigest(mount) })),
    present: new Set(mounts.map(mountDigest)),
    isAutomount: own?.type === 'autofs'
  }
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
