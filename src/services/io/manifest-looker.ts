import { setTimeout as sleep } from 'node:timers/promises'
import { ChildLost } from '../errors.js'
import { Child } from './child.js'
import type { Look, LookedAt } from './manifest-look.js'

/** What the looker is asked; without a path, whether it is there. */
export interface LookerQuestion {
  path?: string
  before: LookedAt
  /** Milliseconds since 1970. */
  now: number
}

/** All that the looker and its parent have to say to each other. */
export interface LookerTalk {
  question: LookerQuestion
  answer: Look
  told: never
  /** The manifest's file system has answered. */
  said: 'sign'
}

/** Looks go one after the other; a second thread for the call that one is left with. */
const THREADS = 2
/** Its looks never block it, so it gives a sign all the time; milliseconds. */
const SILENCE_MS = 5000
/** It is there by then, or something is wrong with this machine; milliseconds. */
const START_MS = 5000

/** A process that looks at a manifest on a file system that can hang. */
export class ManifestLooker {
  readonly #main: URL
  readonly #onSign: () => void
  #child: Child<LookerTalk> | undefined
  #started: Promise<unknown> = Promise.resolve()
  #stopped = false

  /**
   * @param main the process's main module
   * @param onSign called whenever the manifest's file system has answered
   */
  constructor(main: URL, onSign: () => void) {
    this.#main = main
    this.#onSign = onSign
  }

  /** Makes sure that the process is there, so that its start is not taken for a silence of the file system. */
  async start(): Promise<void> {
    if (this.#stopped || this.#child?.isHanging) return
    if (!this.#child || this.#child.isLost) {
      this.#child = new Child({
        main: this.#main,
        threads: THREADS,
        silenceMs: SILENCE_MS,
        hear: this.#onSign
      })
      const there = this.#child.ask({ before: { stamp: '', statusStamp: '' }, now: 0 })
      this.#started = Promise.race([there, sleep(START_MS, undefined, { ref: false })]).catch(() => {})
    }
    await this.#started
  }

  /** @throws ChildLost where there is no process to look */
  async look(path: string, before: LookedAt, now: number): Promise<Look> {
    if (!this.#child) throw new ChildLost('nobody looks')
    const look = await this.#child.ask({ path, before, now })
    // A Buffer arrives as plain bytes.
    const { manifest } = look
    if (manifest instanceof Uint8Array)
      look.manifest = Buffer.from(manifest.buffer, manifest.byteOffset, manifest.byteLength)
    return look
  }

  stop(): void {
    this.#stopped = true
    this.#child?.leave('the looker was given up')
  }
}
