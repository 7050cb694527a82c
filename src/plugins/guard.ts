import bearerAuth from '@fastify/bearer-auth'
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { SAFE_HEADERS } from '../services/answer-headers.js'
import { hostCheck, isCrossSite, isFromFriend } from '../services/door.js'
import {
  BadEncoding,
  BadTarget,
  CrossSite,
  ForeignOrigin,
  MethodNotAllowed,
  NoHost,
  NotFound,
  SeveralHosts,
  UnknownHost,
  UnknownTransferCoding,
  UrlTooLong
} from '../services/errors.js'
import type { Settings } from '../services/settings.js'
import '../services/decorators.js'

/** Characters of a URL that are read at most. */
const MOST_URL = 8192

/** Headers of answers that a page of another origin may read. */
const EXPOSED = ['ETag', 'Location', 'Retry-After', 'Reports-Index-Source', 'Reports-Index-Checked-At']

export interface GuardPluginOptions {
  settings: Settings
  /** The machine's own name. */
  machine: string
}

/** Who may ask for what: the names it is called by, the pages that may act on it, the tokens. */
export default fp<GuardPluginOptions>(
  async function guard(fastify: FastifyInstance, { settings, machine }) {
    const { corsOrigins, token, readToken } = settings
    const isKnownHost = hostCheck(settings, machine)
    const methods = methodsOf(fastify)
    // No promises here: every request comes this way.
    fastify.addHook('onRequest', ({ headers, raw }, reply, done) => {
      reply.headers(SAFE_HEADERS)
      if (corsOrigins.length > 0) reply.header('vary', 'Origin')
      const wrong = faultOf(raw)
      if (wrong instanceof UnknownTransferCoding) reply.header('connection', 'close')
      if (wrong) done(wrong)
      else done(isKnownHost(headers.host) ? undefined : new UnknownHost(headers.host))
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
    fastify.addHook('onRequest', (request, reply, done) => {
      const { url, routeOptions, headers } = request
      if (url.length > MOST_URL) return done(new UrlTooLong(MOST_URL))
      const { origin, host, 'sec-fetch-site': site } = headers as Record<string, string | undefined>
      if (routeOptions.config.access === 'rebuild') {
        const isFriend = isFromFriend({ origin, host, site }, corsOrigins)
        if (!isFriend) return done(new ForeignOrigin(origin ?? 'unknown'))
      } else if (site !== undefined) {
        const { 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = headers as Record<string, string>
        if (isCrossSite({ site, mode, dest, origin }, corsOrigins)) return done(new CrossSite())
      }
      if (request.is404) return answerMethod(request, reply, methods, done)
      const garbled = url.includes('%') && !routeOptions.config.anyQuery ? garbledIn(url) : undefined
      return done(garbled === undefined ? undefined : new BadEncoding(garbled))
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

/** What no request may be like, whatever it asks for. */
function faultOf({
  method,
  rawHeaders,
  headers,
  httpVersion,
  url
}: FastifyRequest['raw']): Error | undefined {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') hosts++
  if (hosts === 0 && httpVersion === '1.1') return new NoHost()
  if (hosts > 1) return new SeveralHosts()
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return new UnknownTransferCoding()
  if (url === '*' && method === 'OPTIONS') return undefined // what all of the service knows
  return url?.startsWith('/') === false ? new BadTarget(url) : undefined
}

/** The methods of each path, as they are registered. */
function methodsOf(fastify: FastifyInstance): Map<RegExp, Set<string>> {
  const methods = new Map<string, Set<string>>()
  const byPath = new Map<RegExp, Set<string>>()
  fastify.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*') && !url.includes('/*')) return // what CORS answers for all paths
    const some = methods.get(url) ?? new Set(['OPTIONS'])
    for (const one of [method].flat()) some.add(one)
    if (methods.has(url)) return
    methods.set(url, some)
    const pattern = url
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/:\w+/g, '[^/]+')
      .replace('*', '.*')
    byPath.set(new RegExp(`^${pattern}$`), some)
  })
  return byPath
}

/** What is known by another method is not just missing. */
function answerMethod(
  { method, url }: FastifyRequest,
  reply: FastifyReply,
  methods: Map<RegExp, Set<string>>,
  done: (error?: Error) => void
): unknown {
  const path = url.split('?', 1)[0] ?? ''
  const all = path === '*' ? [...methods.values()].flatMap((some) => [...some]) : undefined
  const known = all ? new Set(all) : [...methods].find(([pattern]) => pattern.test(path))?.[1]
  if (!known) return done(new NotFound(`there is no ${method} ${path}`))
  if (known.has(method) !== (method === 'OPTIONS')) return done()
  const allowed = [...known].toSorted().join(', ')
  reply.header('allow', allowed)
  if (method === 'OPTIONS') return reply.code(204).send()
  return done(new MethodNotAllowed(path, allowed))
}

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
