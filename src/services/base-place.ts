import type { BaseCount } from '../schemas/manifest.js'
import { digestOf } from './etag.js'
import { isBelowAny } from './losses.js'
import type { Trackeds } from './tracked.js'

/** Where a base lies, as the mount table tells: no file of the base is asked. */
export interface BasePlace {
  /** The root's path, links resolved. */
  path: string
  /** Tells the mount that the root lies on from others, also after it was mounted anew; undefined where no table is to be had. */
  mount: string | undefined
  /** Mounts below the root. */
  mounts: readonly { rel: string; mount: string }[]
  /** All mounts there are. */
  present: ReadonlySet<string>
  /** The root's file system is mounted when it is first entered. */
  isAutomount: boolean
}

/** Where the known reports of a base were found. */
export type Home = Pick<BaseCount, 'root' | 'real' | 'mount' | 'mounts'>

/**
 * Whether a base's path leads to another folder than the one that its known reports were found in.
 * @param walked the folder that was walked, where only its own file system can resolve its links
 */
export function isMoved({ root, real = root }: Home, { path }: BasePlace, walked?: string): boolean {
  if (root === undefined) return false
  return root !== placeDigest(path) || (walked !== undefined && real !== placeDigest(walked))
}

/**
 * Mounts that known reports were found on and that are gone.
 * @param before the place when a look began
 * @param after the place when it had ended
 * @returns rel of their folders; '' for the base itself
 */
export function goneMounts(home: Home, before: BasePlace, after: BasePlace): string[] {
  if (isMoved(home, after) || after.mount === undefined) return []
  const isGone = (mount: string) =>
    !after.present.has(mount) || !(before.present.has(mount) || before.isAutomount)
  const all = [...(home.mount === undefined ? [] : [{ rel: '', mount: home.mount }]), ...(home.mounts ?? [])]
  return all.filter(({ mount }) => isGone(mount)).map(({ rel }) => rel)
}

/**
 * Where the reports of a base are found from now on: here, except those that are held because their mount is gone.
 * @param gone as `goneMounts` tells
 * @param walked as for `isMoved`
 */
export function homeAfter(
  home: Home,
  place: BasePlace,
  entries: Trackeds,
  gone: readonly string[],
  walked?: string
): Home {
  const held = [...entries.values()].filter((tracked) => tracked.held?.until === 'seen')
  const isHeld = (rel: string) => held.some((tracked) => isBelowAny(tracked.rel, new Set([rel])))
  const kept = (home.mounts ?? []).filter(({ rel }) => gone.includes(rel) && isHeld(rel))
  const found = place.mounts.filter(({ rel }) => !kept.some((each) => each.rel === rel))
  const mounts = [...kept, ...withReports(found, entries)]
  const mount = gone.includes('') && held.length > 0 ? home.mount : place.mount
  return {
    root: placeDigest(place.path),
    ...(walked !== undefined && walked !== place.path && { real: placeDigest(walked) }),
    ...(mount !== undefined && { mount }),
    ...(mounts.length > 0 && { mounts })
  }
}

/** Mounts without reports come and go without news. */
function withReports<T extends { rel: string }>(mounts: readonly T[], entries: Trackeds): T[] {
  if (mounts.length === 0) return []
  const places = new Map(mounts.map((mount) => [mount.rel, mount]))
  const found = new Set<T>()
  for (const rel of entries.keys()) {
    for (let slash = rel.lastIndexOf('/'); slash > 0; slash = rel.lastIndexOf('/', slash - 1)) {
      const mount = places.get(rel.slice(0, slash))
      if (mount) found.add(mount)
    }
  }
  return mounts.filter((mount) => found.has(mount))
}

/** Whether two homes are the same. */
export function isSameHome(a: Home, b: Home | undefined): boolean {
  const told = ({ root, real, mount, mounts = [] }: Home) => JSON.stringify([root, real, mount, mounts])
  return b !== undefined && told(a) === told(b)
}

/** Tells a place from another without telling what it is called. */
export function placeDigest(text: string): string {
  return digestOf(text).slice(0, 16)
}
