import { makeFault } from './faults.js'
import type { Pinned } from './pin.js'

/** So many folders are held at once, the deepest ones of the way down. */
const MAX_HELD = 64

interface Level {
  name: string
  path: string
  pin: Pinned | undefined
  /** Of a folder that is held no more, to know it again. */
  identity?: string
}

/** Pins a folder so that nobody can exchange it for a link; undefined where there is none. */
export type Pin = (path: string, isRoot: boolean) => Pinned | undefined

/**
 * The way from a base's root down to the folder that is walked now. Each folder is reached from the one above it, so the
 * length of its path does not matter, and few are held, however deep it lies.
 */
export class Descent {
  readonly #root: string
  readonly #pin: Pin
  readonly #levels: Level[] = []

  constructor(root: string, pin: Pin) {
    this.#root = root
    this.#pin = pin
  }

  /** Leads to the folder that is walked now. */
  get path(): string {
    return (this.#levels.at(-1) as Level).path
  }

  /**
   * Goes into the root, then into a folder of the one that is walked now.
   * @throws the file system's error
   */
  enter(name: string): void {
    const isRoot = this.#levels.length === 0
    const path = isRoot ? this.#root : join(this.path, name)
    const pin = this.#pin(path, isRoot)
    this.#levels.push({ name, path: pin?.path ?? path, pin })
    const above = this.#levels[this.#levels.length - 1 - MAX_HELD]
    if (above?.pin) {
      above.identity = above.pin.identity()
      release(above)
    }
  }

  /**
   * Goes back to the folder above.
   * @throws where it is not above any more: it or what it held was moved
   */
  leave(): void {
    const level = this.#levels.pop()
    const above = this.#levels.at(-1)
    try {
      if (level?.pin && above?.identity !== undefined) this.#holdAgain(above, `${level.path}/..`)
    } finally {
      if (level) release(level)
    }
  }

  /** Lets all folders go. */
  end(): void {
    for (const level of this.#levels) release(level)
    this.#levels.length = 0
  }

  #holdAgain(level: Level, path: string): void {
    const pin = this.#pin(path, false)
    if (!pin) return
    if (pin.identity() !== level.identity) {
      pin.unpin()
      throw makeFault('RI_ERR_MOVED')
    }
    Object.assign(level, { pin, path: pin.path })
    delete level.identity
  }
}

function release(level: Level): void {
  level.pin?.unpin()
  level.pin = undefined
}

function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}
