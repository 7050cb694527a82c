import { answerTo } from './gate.js'

/** Files and folders of a base whose calls were late and have not been answered yet: they are not asked for again till then. */
export class Stuck {
  readonly #calls = new Map<string, number>()

  has(rel: string): boolean {
    return this.#calls.has(rel)
  }

  /** Takes note of an error that a file or folder met. */
  note(rel: string, error: unknown): void {
    const answer = answerTo(error)
    if (!answer) return
    this.#calls.set(rel, (this.#calls.get(rel) ?? 0) + 1)
    void answer.finally(() => {
      const left = (this.#calls.get(rel) ?? 1) - 1
      if (left > 0) this.#calls.set(rel, left)
      else this.#calls.delete(rel)
    })
  }
}
