import type { Pinned } from './pin.js'

/** A path longer than so many bytes is cut: the kernel takes no path of 4096 bytes and more. */
const MAX_PATH = 3500

/** A folder that is walked side by side with others, and what leads to it. */
export class Anchor {
  readonly path: string
  /** What it lists and a stat does not find, by rel; whether that is a folder. */
  readonly vanished = new Map<string, boolean>()
  readonly #pin: Pinned | undefined
  /** The folder whose place its path begins at, where it is not held itself. */
  readonly #above: Anchor | undefined
  #users = 1

  /**
   * @param above the folder that it lies in, if any
   * @param pin what is held for it, till all who use it have let go
   */
  constructor(path: string, above?: Anchor, pin?: Pinned) {
    this.path = pin?.path ?? path
    this.#pin = pin
    this.#above = pin ? undefined : above?.use()
  }

  /** Takes it for one more use. */
  use(): this {
    this.#users++
    return this
  }

  get isLastUse(): boolean {
    return this.#users === 1
  }

  /**
   * Lets go of it.
   * @returns the folder above, where that is to be let go of, too
   */
  drop(): Anchor | undefined {
    if (--this.#users > 0) return undefined
    this.#pin?.unpin()
    return this.#above
  }

  /** Where a file or folder in it is found. */
  pathOf(name: string): string {
    return this.path === '/' ? `/${name}` : `${this.path}/${name}`
  }
}

/** Whether a path grows so long that its folder has to be held, to go on from there. */
export function isLong(path: string): boolean {
  return path.length > MAX_PATH / 4 && Buffer.byteLength(path) > MAX_PATH
}
