import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { healthOf } from '../services/health.js'
import { Metrics } from '../services/metrics.js'
import '../services/decorators.js'

export interface MetricsPluginOptions {
  /** Whether the process is ours, so that its own metrics are told, too. */
  isProcessOurs: boolean
}

/** Counts answers, and tells of all else at a scrape, as `fastify.metrics`. */
export default fp<MetricsPluginOptions>(
  async function metricsPlugin(fastify: FastifyInstance, { isProcessOurs }) {
    const metrics = new Metrics({
      version: fastify.reportsIndex.version,
      baseNames: fastify.reportsIndex.settings.bases.map(({ name }) => name),
      health: () => healthOf(fastify),
      listing: () => fastify.reader.lastGood,
      streams: () => fastify.followers.size,
      isProcessOurs
    })
    fastify.decorate('metrics', metrics)
    fastify.addHook('onResponse', (request, reply, done) => {
      const length = request.method === 'HEAD' ? 0 : Number(reply.getHeader('content-length') ?? 0)
      const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
      metrics.answered(request.method, route, reply.statusCode, reply.elapsedTime / 1000, length)
      done()
    })
  },
  { name: 'reports-index-metrics', dependencies: ['reports-index-following'], fastify: '5.x' }
)
