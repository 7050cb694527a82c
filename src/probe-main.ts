import { serve } from './server.js'
import { answerParent } from './services/io/parent.js'
import type { ProbeTalk } from './services/probe-messages.js'

/** A service that is started to see how soon it answers: it builds nothing, writes nothing, and ends with its parent. */

answerParent<ProbeTalk>(
  async ({ settings }) => (await serve(settings, { builds: false })).url,
  () => {}
)
