import fs from 'node:fs'
import { dirname } from 'node:path'
import type { Select } from '../services/select.js'
import type { Base } from '../services/settings.js'
import { isLocal, type Mount } from './mounts.js'
import { isWithin, realPathWithin } from './real-path.js'

/**
 * Whether a manifest that is not there yet would lie in a base without reports that is a mount point, or an empty folder that
 * may become one: a mount would hide it, or refuse to come up over it.
 * @param found what the build found, by base
 */
export function isPlaceUncertain(
  manifest: string,
  bases: readonly Base[],
  mounts: readonly Mount[],
  select: Select,
  found: ReadonlyMap<string, { entries: ReadonlyMap<string, unknown> }>
): boolean {
  const own = bases
    .map(({ name, root }) => ({ name, root: realPathWithin(root, mounts) }))
    .find(({ root }) => isWithin(manifest, root))
  if (!own || (found.get(own.name)?.entries.size ?? 0) > 0) return false
  return (
    mounts.some(({ point }) => point === own.root) || isEmpty(own.root, dirname(manifest), mounts, select)
  )
}

/** Nothing in it is a report, or leads to one; but for what an earlier service left. */
function isEmpty(root: string, own: string, mounts: readonly Mount[], select: Select): boolean {
  if (!isLocal(root, mounts)) return true
  try {
    const ours = own.slice(root.length).split('/')[1]
    return fs
      .readdirSync(root, { withFileTypes: true })
      .every((entry) => entry.name === ours || !entry.isDirectory() || !select.folder(entry.name))
  } catch {
    return false // writing will tell what is wrong
  }
}
