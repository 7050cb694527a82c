/**
 * Takes the signals that end a process over from whoever had them.
 * @param stop called for each; it is added before the others go, since a signal without a listener is lost
 */
export function onStop(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const before = process.listeners(signal)
    process.on(signal, stop)
    for (const listener of before) process.removeListener(signal, listener)
  }
}
