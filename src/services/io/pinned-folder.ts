import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Linux: takes a place in the tree without opening what stands there. */
const O_PATH = 0o10000000

/**
 * A folder that stays the same one, whatever is mounted over it later: a mount that comes up and hangs would else be
 * entered by the next look. Elsewhere than on Linux it is followed by its path.
 */
export class PinnedFolder {
  #fd: number | undefined
  #rest = ''
  #folder = ''
  #changedAt = 0

  /** Pins a folder, or the deepest one above it that is there. */
  pin(folder: string): void {
    const before = this.#fd
    this.#folder = folder
    this.#fd = undefined
    if (process.platform === 'linux') this.#pinDeepest(folder)
    // Not before the new one is open: a number that is given twice would lead elsewhere.
    if (before !== undefined) closeSync(before)
  }

  #pinDeepest(folder: string): void {
    const above: string[] = []
    for (let at = folder; ; at = dirname(at)) {
      try {
        this.#fd = openSync(at, O_PATH | constants.O_DIRECTORY)
        this.#rest = join('/', ...above)
        this.#changedAt = fstatSync(this.#fd).ctimeMs
        return
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === dirname(at)) return
        above.unshift(basename(at))
      }
    }
  }

  /** Whether the folder was written to, moved or removed since it was pinned, so that another may be in its place. */
  get hasChanged(): boolean {
    return this.#fd !== undefined && fstatSync(this.#fd).ctimeMs !== this.#changedAt
  }

  /**
   * Since when nothing was renamed in the folder, in milliseconds since 1970, if `hasChanged` is false; undefined where that
   * can not be told.
   */
  get quietSince(): number | undefined {
    return this.#fd !== undefined && this.#rest === '/' ? this.#changedAt : undefined
  }

  /** Where a file of the folder is to be found; of this process alone. */
  pathOf(name: string): string {
    return join(this.#fd === undefined ? this.#folder : `/proc/self/fd/${this.#fd}${this.#rest}`, name)
  }

  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
