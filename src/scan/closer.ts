import fs from 'node:fs'
import { promisify } from 'node:util'
import type { Gate } from './gate.js'

/** A file that is open, and the base that it lies in. */
export interface Held {
  fd: number
  base: string
}

/** What could not be closed is tried again so often, in milliseconds. */
const CLOSE_AGAIN_MS = 500

const close = promisify(fs.close)

/** Closes files: closing can hang, too, so what a base that gives no answer holds is closed when it answers again. */
export class Closer {
  readonly #gates: ReadonlyMap<string, Gate>
  readonly #atOnce: number
  #unclosed: Held[] = []

  /** @param atOnce file calls of one base at once */
  constructor(gates: ReadonlyMap<string, Gate>, atOnce: number) {
    this.#gates = gates
    this.#atOnce = atOnce
  }

  /** Closes a file; its base is not waited for. */
  close(held: Held): void {
    const gate = this.#gates.get(held.base) as Gate
    let isBegun = false
    const begin = () => {
      isBegun = true
      return close(held.fd)
    }
    gate
      .watch(this.#atOnce, (calls) => calls(begin))
      .catch(() => {
        if (!isBegun) this.#closeLater(held)
      })
  }

  // Else it would be held for good, and its mount could not be taken away.
  #closeLater(held: Held): void {
    this.#unclosed.push(held)
    if (this.#unclosed.length > 1) return
    const timer = setInterval(() => {
      const isAnswering = ({ base }: Held) => this.#gates.get(base)?.silentSince === undefined
      const now = this.#unclosed.filter(isAnswering)
      this.#unclosed = this.#unclosed.filter((each) => !isAnswering(each))
      if (this.#unclosed.length === 0) clearInterval(timer)
      for (const each of now) this.close(each)
    }, CLOSE_AGAIN_MS)
    timer.unref()
  }
}
