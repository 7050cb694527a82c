import type { Asker } from './fair-queue.js'
import type { Followers } from './followers.js'
import type { History } from './history.js'
import type { MarkdownReport } from './markdown-report.js'
import type { Metrics } from './metrics.js'
import type { OpenReport } from './opener-messages.js'
import type { Pages } from './pages.js'
import type { Reader } from './reader.js'
import type { Rebuilds } from './rebuilds.js'
import type { Settings } from './settings.js'

/** A report that is read part by part, and has to be closed. */
export interface ReportFile extends OpenReport {
  /** Its bytes from `from` up to `to`. Throws where there are fewer, or its base gives no answer any more; closes it. */
  bytes(from: number, to: number): AsyncIterable<Buffer>
  close(): void
}

/** The reports themselves, read in another process. */
export interface Reports {
  /** @throws ReportGone, ReportUnreadable, BaseSilent, OpenerLost, Busy, Stopping */
  open(base: string, rel: string): Promise<ReportFile>
  /**
   * A page of a Markdown report.
   * @param signal who asked has gone
   * @throws NotRendered, Busy
   */
  render(report: MarkdownReport, asker: Asker): Promise<string>
}

/** What plugins and routes meet through. */
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which token a route needs, where there are tokens. */
    access?: 'open' | 'read' | 'rebuild'
    /** Whether its query is read elsewhere, whatever it is. */
    anyQuery?: boolean
    /** How a path is described whose parts are not told apart by the router. */
    described?: { url: string; params: object }
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
    reports: Reports
    /** When the clock asks for the next refresh, RFC 3339; null without a schedule. */
    nextRefreshAt(): string | null
    reportsIndex: {
      settings: Settings
      version: string
      startedAt: number
      now: () => number
      /** The page as it was built. */
      readPage: () => string
    }
  }
}
