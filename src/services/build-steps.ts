import type { Progress, Step } from '../schemas/rebuild.js'
import type { Known } from './known.js'
import { roundMs } from './outcome.js'
import type { Scanner } from './scanner.js'

/** How far a build has come is told so often, in milliseconds. */
const PROGRESS_MS = 200

/** The named, timed steps of one build, and how far it has come. */
export class BuildSteps {
  readonly done: Step[] = []
  readonly #scanners: readonly Scanner[]
  readonly #tell: (progress: Progress) => void
  #known: Known | undefined

  constructor(scanners: readonly Scanner[], tell: (progress: Progress) => void) {
    this.#scanners = scanners
    this.#tell = tell
  }

  /** What was listed before tells how much there is to look at. */
  expect(known: Known): void {
    this.#known = known
  }

  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now()
    const tell = () => this.#tell({ step: name, bases: this.#bases() })
    const timer = setInterval(tell, PROGRESS_MS)
    tell()
    try {
      return await work()
    } finally {
      clearInterval(timer)
      this.done.push({ name, ms: roundMs(performance.now() - began) })
    }
  }

  #bases(): Progress['bases'] {
    return this.#scanners.map(({ base: { name }, counts }) => {
      const expected = this.#known?.entries.get(name)?.size
      return { name, ...counts, ...(expected !== undefined && { expected }) }
    })
  }
}
