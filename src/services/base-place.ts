import type { BaseCount } from '../schemas/manifest.js'
import { digestOf } from './etag.js'
import { isBelowAny } from './losses.js'
import type { Trackeds } from './tracked.js'

/** Where a base lies, as the mount table tells: no file of the base is asked. */
export interface BasePlace {
  /** The root's path, links resolved. */
  path: string
  /**
   * Tells the folder that the root is from others, by its file system and its path there: the same one in any mount namespace
   * and by any path. Undefined where no mount table is to be had.
   */
  id: string | undefined
  /** Mounts below the root. */
  mounts: readonly string[]
  /** The same of a folder below the root, by its rel. */
  idOf(rel: string): string
  /** The root's file system is mounted when it is first entered. */
  isAutomount: boolean
}

/** Where the known reports of a base were found. */
export type Home = Pick<BaseCount, 'root' | 'real' | 'mount' | 'before' | 'mounts'>

/**
 * Whether a base's path leads to another folder than the one that its known reports were found in.
 * @param walked the folder that was walked, where only its own file system can resolve its links
 */
export function isMoved(
  { root, real = root, mount }: Home,
  { path, id }: BasePlace,
  walked?: string
): boolean {
  if (root === undefined) return false
  const isSameFolder = root === placeDigest(path) || (id !== undefined && mount === id)
  return !isSameFolder || (walked !== undefined && real !== placeDigest(walked))
}

/**
 * Parts of a base that are another mount, or lie on another one, than the known reports were found on: the mount is gone, or
 * hidden.
 * @param before the place when a look began
 * @param after the place when it had ended
 * @returns rel of their folders; '' for the base itself
 */
export function goneMounts(home: Home, before: BasePlace, after: BasePlace): string[] {
  if (isMoved(home, after) || after.id === undefined) return []
  const looks = before.isAutomount ? [after] : [before, after]
  // A mount that comes back is where reports were found before.
  const isRootKnown = looks.every(({ id }) => id === home.mount || id === home.before)
  const root = home.mount === undefined || isRootKnown ? [] : ['']
  const below = (home.mounts ?? []).filter(
    ({ rel, mount, isOver }) => !isOver && looks.some((place) => place.idOf(rel) !== mount)
  )
  return [...root, ...below.map(({ rel }) => rel)]
}

/** Whether the mount that a held report was found on is still gone, though other reports lie in its place now. */
export function isMountAway({ before, mounts = [] }: Home, place: BasePlace, rel: string): boolean {
  if (before !== undefined && place.id !== before) return true
  const away = mounts.filter((each) => each.isOver && place.idOf(each.rel) !== each.mount)
  return isBelowAny(rel, new Set(away.map((each) => each.rel)))
}

/**
 * Where the reports of a base are found from now on. While a part whose mount is gone shows no report, it is where they were
 * found; what is held there is held by itself.
 * @param gone as `goneMounts` tells
 * @param isSeen whether a report was seen at a rel, or below it
 * @param walked as for `isMoved`
 */
export function homeAfter(
  home: Home,
  place: BasePlace,
  entries: Trackeds,
  gone: readonly string[],
  isSeen: (rel: string) => boolean,
  walked?: string
): Home {
  const held = [...entries.values()].filter((tracked) => tracked.held?.until === 'seen')
  const isHeld = (rel: string) => held.some((tracked) => isBelowAny(tracked.rel, new Set([rel])))
  const isBack = ({ rel, mount }: { rel: string; mount: string }) => place.idOf(rel) === mount
  const kept = (home.mounts ?? [])
    .filter((each) => !isBack(each) && isHeld(each.rel))
    .map(({ rel, mount, isOver }) => ({ rel, mount, ...((isOver || isSeen(rel)) && { isOver: true }) }))
  const found = place.mounts
    .filter((rel) => !kept.some((each) => each.rel === rel))
    .map((rel) => ({ rel, mount: place.idOf(rel) }))
  const mounts = [...kept, ...withReports(found, entries)]
  const isKept = gone.includes('') && held.length > 0 && !isSeen('')
  const mount = isKept ? home.mount : place.id
  const before = held.length === 0 ? undefined : mount === home.mount ? home.before : home.mount
  return {
    root: mount !== undefined && mount === home.mount && home.root ? home.root : placeDigest(place.path),
    ...(walked !== undefined && walked !== place.path && { real: placeDigest(walked) }),
    ...(mount !== undefined && { mount }),
    ...(before !== undefined && { before }),
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
  const told = ({ root, real, mount, before, mounts = [] }: Home) =>
    JSON.stringify([root, real, mount, before, mounts])
  return b !== undefined && told(a) === told(b)
}

/** Tells a place from another without telling what it is called. */
export function placeDigest(text: string): string {
  return digestOf(text).slice(0, 16)
}
