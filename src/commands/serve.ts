import { serve, stopOnSignals } from '../server.js'
import type { Settings } from '../services/settings.js'

/** Runs the service until a signal ends it. */
export async function serveCommand(settings: Settings): Promise<undefined> {
  const serving = await serve(settings)
  process.stdout.write(`reports-index listening on ${serving.url}\n`)
  stopOnSignals(serving)
}
