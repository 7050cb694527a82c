import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Followers } from '../services/followers.js'
import { History } from '../services/history.js'
import { Pages } from '../services/pages.js'
import '../services/decorators.js'

/** What is made of the listings as they come: their history, parts of them, and the news of them. */
export default fp(
  async function following(fastify: FastifyInstance) {
    const history = new History()
    const followers = new Followers()
    const pages = new Pages(history)
    fastify.decorate('history', history)
    fastify.decorate('followers', followers)
    fastify.decorate('pages', pages)
    fastify.reader.onChange((snapshot, before) => {
      history.note(snapshot)
      followers.changed(snapshot)
      if (before) pages.whole(snapshot).prepareLike(pages.whole(before))
    })
    fastify.addHook('preClose', async () => followers.stop())
  },
  { name: 'reports-index-following', dependencies: ['reports-index-reader'], fastify: '5.x' }
)
