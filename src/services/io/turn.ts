/** A turn that takes longer holds for nobody else, in milliseconds: a request may have come in parts, or after a hook. */
const MOST_MS = 1

/**
 * What was found to hold in one turn of the event loop, for the connections that are read in that turn: their requests lay
 * there before the turn began, so one look serves them all. A second request of one connection may have been sent later.
 */
export class Turn {
  #callers: Set<object> | undefined
  #beganAt = 0

  /**
   * Whether what was found holds for a caller, too.
   * @param caller a connection; undefined for who is no connection, and has to look
   */
  covers(caller: object | undefined): boolean {
    if (!caller || !this.#callers || this.#callers.has(caller)) return false
    if (performance.now() - this.#beganAt > MOST_MS) return false
    this.#callers.add(caller)
    return true
  }

  /** Something was found to hold, just now. */
  begin(caller: object | undefined): void {
    if (!caller) return
    if (!this.#callers) {
      this.#callers = new Set()
      this.#beganAt = performance.now()
      setImmediate(() => this.end())
    }
    this.#callers.add(caller)
  }

  /** It does not hold any more. */
  end(): void {
    this.#callers = undefined
  }
}
