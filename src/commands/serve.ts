import { serve } from '../server.js'
import type { Settings } from '../services/settings.js'
import { unknownVariables } from '../surroundings.js'
import { endAfter } from './last-resort.js'
import { onStop } from './signals.js'

/** After so long the process ends, whatever still hangs, in milliseconds. */
const STOP_MS = 9300
/** After so long it ends even if the event loop has no turn left for that. */
const LAST_RESORT_MS = 9500

/** Runs the service until a signal ends it. */
export async function serveCommand(settings: Settings): Promise<undefined> {
  const serving = serve(settings)
  stopOnSignals(async () => (await serving).close())
  const { url, log } = await serving
  for (const name of unknownVariables(process.env)) log.warn(`${name} is set, but there is no such setting`)
  // The service goes on: its address is all that it writes there.
  process.stdout.removeAllListeners('error').on('error', ({ code }: NodeJS.ErrnoException) => {
    log.warn(`the address ${url} could not be written to standard output (${code})`)
  })
  process.stdout.write(`reports-index listening on ${url}\n`)
}

/** Ends the process by a signal: what is being answered is finished, a running build is given up. More signals change nothing. */
function stopOnSignals(close: () => Promise<void>): void {
  let stopping = false
  const end = () => process.exit(0)
  const stop = () => {
    if (stopping) return
    stopping = true
    setTimeout(end, STOP_MS).unref()
    endAfter(LAST_RESORT_MS)
    close().then(end, end)
  }
  onStop(stop)
}
