import type { Stamp, Trackeds } from '../services/tracked.js'
import { isTelling, type Trust } from './trust.js'

/** Where nothing tells when a base was scanned last, it is taken to be this share of the period ago. */
const FIRST_SHARE = 1 / 24
/** Of the files that are read again in a period, one in so many gets its numbers learned anew. */
const LEARN_ANEW = 16

/** Which files are read again though they look as they were, and when: each once in a period, at a moment of its own. */
export interface Reread {
  isDue(rel: string, before: Stamp): boolean
  /** Whether what was learned of its numbers is forgotten then. */
  isAsNew(rel: string): boolean
}

export const NEVER: Reread = { isDue: () => false, isAsNew: () => false }

/**
 * The files that are due since the last scan. Their moments follow from their rels alone, so every process agrees on them.
 * @param nowMs when the scan began, milliseconds since 1970
 * @param lastMs when the one before began, if that is known
 * @param areTimesReal a changed file is told by its change time, where that is told
 */
export function rereadSince(
  periodMs: number,
  nowMs: number,
  lastMs: number | undefined,
  areTimesReal = false
): Reread {
  const last = lastMs ?? nowMs - periodMs * FIRST_SHARE
  return {
    isDue(rel, { ctime }) {
      if (areTimesReal && isTelling(ctime)) return false
      const phase = hashOf(rel) / 2 ** 32
      return Math.floor(nowMs / periodMs - phase) > Math.floor(last / periodMs - phase)
    },
    isAsNew: (rel) => hashOf(rel) % LEARN_ANEW === Math.floor(nowMs / periodMs) % LEARN_ANEW
  }
}

// FNV-1a.
function hashOf(rel: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < rel.length; i++) hash = Math.imul(hash ^ rel.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/**
 * Whether the change times that are known of a base are the file system's own: steady, and not just the times of
 * modification under another name. Undefined where nothing is known of any.
 */
export function areChangeTimesReal(known: Trackeds, trust: Trust): boolean | undefined {
  if (trust.keepsChangeTime) return true
  let isAny = false
  for (const { stamp } of known.values()) {
    if (stamp.ctime === 0) continue
    isAny = true
    if (isTelling(stamp.ctime) && Math.abs(stamp.ctime) > stamp.mtime) return true
  }
  return isAny ? false : undefined
}
