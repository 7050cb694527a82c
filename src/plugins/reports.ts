import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Reports } from '../services/decorators.js'
import '../services/decorators.js'

export interface ReportsPluginOptions {
  opener: { open: Reports['open']; refuse(): void; stop(): void }
  renderer: { render: Reports['render']; stop(): void }
}

/** Opens reports and makes pages of them, each in a process of its own, as `fastify.reports`. */
export default fp<ReportsPluginOptions>(
  async function reportsPlugin(fastify: FastifyInstance, { opener, renderer }) {
    fastify.decorate('reports', {
      open: (base, rel) => opener.open(base, rel),
      render: (report, asker) => renderer.render(report, asker)
    })
    fastify.addHook('preClose', async () => opener.refuse())
    fastify.addHook('onClose', async () => {
      opener.stop()
      renderer.stop()
    })
  },
  { name: 'reports-index-reports', fastify: '5.x' }
)
