import { Worker } from 'node:worker_threads'

/**
 * Ends this process with exit code 0 after a while, whatever its event loop is busy with: a worker thread has a clock of its
 * own, and an inspector session interrupts what this thread runs. If that does not help, the process is killed.
 * @param ms until then
 */
export function endAfter(ms: number): void {
  const workerData = { ms, graceMs: GRACE_MS }
  // Flags of this process, such as --input-type, may give the text another meaning.
  new Worker(LAST_RESORT, { eval: true, execArgv: [], workerData })
    .on('error', () => {}) // this process ends by itself then, or hangs
    .unref()
}

/** How long the interruption may take, in milliseconds. */
const GRACE_MS = 400

// A text and not a module: it is the same in the bundle, in the library and in tests.
const LAST_RESORT = `
  const { Session } = require('node:inspector')
  const { workerData: { ms, graceMs } } = require('node:worker_threads')
  setTimeout(() => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs)
    const session = new Session()
    session.connectToMainThread()
    session.post('Runtime.evaluate', { expression: 'process.exit(0)' })
  }, ms)
`
