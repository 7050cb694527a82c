import type { Settings } from './settings.js'

/** All that a service that is started for a look, and its parent, have to say to each other. */
export interface ProbeTalk {
  question: { settings: Settings }
  /** Where it listens. */
  answer: string
  told: never
  said: never
}
