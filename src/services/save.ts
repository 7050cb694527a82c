import type { Status } from '../schemas/manifest.js'
import type { BaseFound } from './base-found.js'
import type { Known } from './known.js'
import type { Began, Replacement } from './replacement.js'

/** What saving needs of the manifest, and of its place. */
export interface SavePorts {
  manifest: {
    write(bytes: Buffer, replacement: Replacement): Promise<string>
    writeStatus(status: Status, manifest: string | undefined): Promise<void>
    sweep(): Promise<void>
  }
  /** Whether nothing is written yet: the manifest would lie in a base that may still be mounted over. */
  isPlaceUncertain?(found: ReadonlyMap<string, Pick<BaseFound, 'entries'>>): boolean
  warn(message: string): void
  /** A manifest takes its place now, where it will be known by this sign. */
  placing(sign: string): void
}

export interface Saved {
  stamp?: string | undefined
  notWritten?: string | undefined
}

export const OVERTAKEN = 'RI_ERR_OVERTAKEN'
/** The manifest is not written yet, and nothing is lost by that. */
export const UNCERTAIN = 'RI_ERR_PLACE_UNCERTAIN'

/**
 * Writes the manifest, where there is something new to be written.
 * @returns the manifest's stamp, or the error's code where it could not be written
 */
export async function saveManifest(
  { manifest, placing, isPlaceUncertain }: SavePorts,
  known: Known,
  bytes: Buffer | undefined,
  found: ReadonlyMap<string, BaseFound>,
  began: Began
): Promise<Saved> {
  try {
    // What could not be read is not replaced: it may hold what is not known here.
    if (known.late) return { notWritten: 'RI_ERR_LATE' }
    if (!bytes) {
      await manifest.sweep().catch(() => {})
      return { stamp: known.stamp }
    }
    if (began.manifest === undefined && isPlaceUncertain?.(found)) return { notWritten: UNCERTAIN }
    await manifest.sweep()
    const keepsAside = known.isUnusable === true
    return { stamp: await manifest.write(bytes, { began, keepsAside, placing }) }
  } catch (error) {
    return { notWritten: codeOf(error) }
  }
}

/** Writes the companion; returns whether it tells of this build now. */
export async function saveStatus(
  { manifest, warn }: SavePorts,
  status: Status,
  stamp: string | undefined
): Promise<boolean> {
  try {
    await manifest.writeStatus(status, stamp)
    return true
  } catch (error) {
    // Where it was overtaken, another build tells of its own.
    if (codeOf(error) !== OVERTAKEN) warn(`the manifest's companion could not be written (${codeOf(error)})`)
    return false
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'unknown error'
}
