import type { Entry, Warning } from '../schemas/entry.js'

/** An entry with what the builder needs to know its file again. */
export interface Tracked {
  entry: Entry
  /** The entry as it stands in the manifest. */
  line: string
  /** What the file system said of the file; the same stamp means the same bytes. Empty where nothing is known. */
  stamp: string
  /** The stamp was too fresh to trust, or the file could not be read: read it again at the next build. */
  recheck: boolean
  warnings: Warning[]
}

/** Tracks an entry; its line is made once and copied from then on. */
export function track(entry: Entry, stamp: string, recheck: boolean, warnings: Warning[]): Tracked {
  return { entry, line: JSON.stringify(entry), stamp, recheck, warnings }
}

/** Tracked entries of one base, by rel. */
export type Trackeds = Map<string, Tracked>
