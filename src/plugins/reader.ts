import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type ManifestView, Reader } from '../services/reader.js'
import '../services/decorators.js'

export interface ReaderPluginOptions {
  view: ManifestView
  /** The manifest and its companion are looked at so often without a request, in milliseconds. */
  lookMs: number
}

/** Serves the manifest's listing as `fastify.reader`. */
export default fp<ReaderPluginOptions>(
  async function readerPlugin(fastify: FastifyInstance, { view, lookMs }) {
    const reader = new Reader({
      view,
      liveScan: () => fastify.builder.listing(),
      onUnusable(state, reason) {
        if (state === 'missing' && !reader.isReady)
          fastify.log.info('there is no manifest yet; a build makes it')
        else fastify.log.warn({ manifest: state }, `the manifest can not be used: ${reason}`)
        if (state !== 'late') fastify.builder.mend()
      }
    })
    fastify.decorate('reader', reader)
    let timer: NodeJS.Timeout | undefined
    fastify.addHook('onReady', async () => {
      await reader.refresh()
      timer = setInterval(() => {
        reader.refresh().catch((error: unknown) => fastify.log.error(error, 'looking at the manifest failed'))
      }, lookMs)
      timer.unref()
    })
    fastify.addHook('onClose', async () => {
      clearInterval(timer)
      view.close()
    })
  },
  { name: 'reports-index-reader', fastify: '5.x' }
)
