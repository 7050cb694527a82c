/** Servers keep times to two seconds at worst. */
export const TICK_MS = 3000
/** No clock is taken to be off by more. */
const MAX_SKEW_MS = 86_400_000

/**
 * What the clock of a base's server shows at least: the newest time that was seen in the base, and what has gone by since. A
 * file that is not older than that can have been written so shortly before it was looked at that a later write leaves
 * the same time.
 */
export class ServerClock {
  #newestMs = Number.NEGATIVE_INFINITY
  #seenAtMs = 0

  /**
   * A scan has come to its end.
   * @param newestMs the newest time of modification in the base
   * @param scannedAtMs when the scan began, by the local clock
   * @returns from when on a time of modification is too fresh to trust
   */
  freshFrom(newestMs: number, scannedAtMs: number): number {
    if (newestMs > this.#newestMs) {
      this.#newestMs = newestMs
      this.#seenAtMs = scannedAtMs
    }
    if (scannedAtMs - this.#newestMs > MAX_SKEW_MS) return Number.POSITIVE_INFINITY
    return this.#newestMs + Math.max(0, scannedAtMs - this.#seenAtMs) - TICK_MS
  }
}

/** Whether a time may have been told by a server's clock; one far ahead was given to a file. */
export function isPlausible(timeMs: number, nowMs: number): boolean {
  return timeMs <= nowMs + MAX_SKEW_MS
}
