import { lookAtManifest } from './services/io/manifest-look.js'
import type { LookerTalk } from './services/io/manifest-looker.js'
import { answerParent } from './services/io/parent.js'

/** A process that looks at a manifest whose file system can hang, for the service, which must not. */

const say = answerParent<LookerTalk>(
  async ({ path, before, now }) =>
    path === undefined ? { ...before } : await lookAtManifest(path, before, now, () => say('sign')),
  () => {}
)
