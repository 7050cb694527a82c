import type { Followers } from './followers.js'
import type { History } from './history.js'
import type { Metrics } from './metrics.js'
import type { Pages } from './pages.js'
import type { Reader } from './reader.js'
import type { Rebuilds } from './rebuilds.js'
import type { Settings } from './settings.js'

/** What plugins and routes meet through. */
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which token a route needs, where there are tokens. */
    access?: 'open' | 'read' | 'rebuild'
  }
  interface FastifyInstance {
    /** The OpenAPI description of our routes. */
    describeReportsIndex(): object
    reader: Reader
    history: History
    followers: Followers
    pages: Pages
    metrics: Metrics
    builder: Rebuilds
    /** When the clock asks for the next refresh, RFC 3339; null without a schedule. */
    nextRefreshAt(): string | null
    reportsIndex: { settings: Settings; version: string; startedAt: number; now: () => number }
  }
}
