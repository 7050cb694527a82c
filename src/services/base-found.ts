import type { BaseStatus } from '../schemas/base-status.js'
import type { Warning } from '../schemas/entry.js'
import type { BaseCount, Doubt, Status } from '../schemas/manifest.js'
import type { Home } from './base-place.js'
import type { Trackeds } from './tracked.js'

/** What a build found of one base. */
export interface BaseFound {
  entries: Trackeds
  /** Those of them that are new or were read again. */
  read: Trackeds
  status: BaseStatus
  warnings: Warning[]
  doubts: Doubt[]
  /** Where they were found. */
  home: Home
  /** Whether some entries are held now that were not before, or the other way round. */
  isHoldNew: boolean
  skippedLinks: number
  filesRead: number
}

/** A base as the last build left it. */
export function asBefore(
  name: string,
  before: Trackeds,
  last: Status | undefined,
  head: BaseCount | undefined
): BaseFound {
  return {
    entries: before,
    read: new Map(),
    status: {
      ...(statusIn(last, name) ?? { name, status: 'pending', scannedAt: null, error: null }),
      count: before.size
    },
    warnings: warningsIn(last, name),
    doubts: last?.doubts?.filter(({ base }) => base === name) ?? [],
    home: homeIn(head ?? {}),
    isHoldNew: false,
    skippedLinks: 0,
    filesRead: 0
  }
}

export function homeIn({ root, real, mount, before, mounts }: Home): Home {
  return {
    ...(root !== undefined && { root }),
    ...(real !== undefined && { real }),
    ...(mount !== undefined && { mount }),
    ...(before !== undefined && { before }),
    ...(mounts && { mounts })
  }
}

export function statusIn(last: Status | undefined, name: string): BaseStatus | undefined {
  return last?.bases.find((base) => base.name === name)
}

export function warningsIn(last: Status | undefined, name: string): Warning[] {
  return last?.warnings.filter(({ base }) => base === name) ?? []
}
