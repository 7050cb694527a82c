/** Stamps of the manifest and its companion as a build found them when it began; undefined where nothing was to be seen. */
export interface Began {
  manifest: string | undefined
  status: string | undefined
}

/** How a manifest takes the place of another. */
export interface Replacement {
  /** What has to be in place still. */
  began: Began
  /** What is in place cannot be used and is kept beside it. */
  keepsAside: boolean
  /** Told, when all is written and right before it takes its place, by what sign it will be known there. */
  placing(sign: string): void
}
