import bearerAuth from '@fastify/bearer-auth'
import cors from '@fastify/cors'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { hostCheck, isFromFriend } from '../services/door.js'
import { BadEncoding, ForeignOrigin, NoHost, UnknownHost, UrlTooLong } from '../services/errors.js'
import type { Settings } from '../services/settings.js'
import '../services/decorators.js'

/** Characters of a URL that are read at most. */
const MOST_URL = 8192

/** Headers of answers that a page of another origin may read. */
const EXPOSED = ['ETag', 'Location', 'Retry-After', 'Reports-Index-Source', 'Reports-Index-Checked-At']

/** Who may ask for what: the names it is called by, the pages that may act on it, the tokens. */
export default fp<{ settings: Settings }>(
  async function guard(fastify: FastifyInstance, { settings }) {
    const { corsOrigins, token, readToken } = settings
    const isKnownHost = hostCheck(settings)
    // No promises here: every request comes this way.
    fastify.addHook('onRequest', ({ headers: { host }, raw }, reply, done) => {
      if (corsOrigins.length > 0) reply.header('vary', 'Origin')
      if (host === undefined && raw.httpVersion === '1.1') done(new NoHost())
      else done(isKnownHost(host) ? undefined : new UnknownHost(host))
    })
    // A host that answers pages of other origins does so for us, too.
    if (corsOrigins.length > 0 && !fastify.hasRequestDecorator('corsPreflightEnabled')) {
      await fastify.register(cors, {
        origin: corsOrigins,
        methods: ['GET', 'HEAD', 'POST'],
        allowedHeaders: ['Authorization', 'Content-Type', 'If-None-Match', 'Last-Event-ID'],
        exposedHeaders: EXPOSED,
        maxAge: 600,
        strictPreflight: false
      })
    }
    fastify.addHook('onRequest', ({ url, routeOptions, headers }, _reply, done) => {
      if (url.length > MOST_URL) return done(new UrlTooLong(MOST_URL))
      const garbled = url.includes('%') ? garbledIn(url) : undefined
      if (garbled !== undefined) return done(new BadEncoding(garbled))
      if (routeOptions.config.access !== 'rebuild') return done()
      const { origin, host, 'sec-fetch-site': site } = headers as Record<string, string | undefined>
      const isFriend = isFromFriend({ origin, host, site }, corsOrigins)
      return done(isFriend ? undefined : new ForeignOrigin(origin ?? 'unknown'))
    })
    if (token === undefined && readToken === undefined) return
    if (!fastify.hasDecorator('verifyBearerAuthFactory'))
      await fastify.register(bearerAuth, { keys: [], addHook: false })
    const needs = { open: undefined, read: asking(fastify, readToken), rebuild: asking(fastify, token) }
    fastify.addHook('onRequest', function (request, reply, done) {
      // What says nothing of its access is read like the listing.
      const ask = request.is404 ? undefined : needs[request.routeOptions.config.access ?? 'read']
      if (ask) ask.call(this, request, reply, done)
      else done()
    })
  },
  { name: 'reports-index-guard', dependencies: ['reports-index-errors'], fastify: '5.x' }
)

function asking(fastify: FastifyInstance, token: string | undefined): onRequestHookHandler | undefined {
  if (token === undefined) return undefined
  const options = {
    keys: [token],
    addHook: false,
    verifyErrorLogLevel: 'debug',
    specCompliance: 'rfc6749' as const
  }
  return fastify.verifyBearerAuthFactory?.(options)
}

/** The first parameter of a URL that can not be decoded; the parser would take it as it stands. */
function garbledIn(url: string): string | undefined {
  const start = url.indexOf('?')
  const pairs = start === -1 ? [] : url.slice(start + 1).split('&')
  return pairs.find((pair) => !isDecodable(pair))?.split('=', 1)[0]
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
