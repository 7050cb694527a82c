import { connect, type Socket } from 'node:net'
import cors from '@fastify/cors'
import swagger from '@fastify/swagger'
import fastify, { type InjectOptions } from 'fastify'
import t, { type Test } from 'tap'
import app from '../src/app.js'
import { ERROR_HEADERS, SAFE_HEADERS } from '../src/services/answer-headers.js'
import { Service, scratch, settingsFor, until } from './support.js'

async function house(t: Test, texts = {}) {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const server = fastify()
  await server.register(app, { settings: settingsFor(folder, ['a'], texts), alone: true })
  t.teardown(() => server.close())
  await server.inject({ method: 'POST', url: '/rebuild', headers: bearer('write') })
  const ask = async (
    url: string,
    headers: Record<string, string> = {},
    method: InjectOptions['method'] = 'GET'
  ) => await server.inject({ method: method ?? 'GET', url, headers })
  return { ask, server }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('with a token, rebuilding needs it and reading does not', async (t) => {
  const { ask } = await house(t, { token: 'write' })
  const wrong = [
    {},
    bearer('other'),
    bearer(''),
    bearer('writ'),
    bearer('writeX'),
    { authorization: 'write' },
    { authorization: 'Basic write' }
  ]
  for (const headers of wrong) {
    const answer = await ask('/rebuild', headers, 'POST')
    t.equal(answer.statusCode, 401, JSON.stringify(headers))
    t.match(answer.json(), {
      statusCode: 401,
      code: /_AUTHORIZATION_HEADER$/,
      error: 'Unauthorized',
      message: String
    })
    t.match(answer.headers['www-authenticate'], /^Bearer /)
  }
  t.equal((await ask('/rebuild', bearer('write'), 'POST')).statusCode, 200)
  t.equal((await ask('/rebuild', { authorization: 'bearer write' }, 'POST')).statusCode, 200)
  for (const url of ['/reports-index', '/rebuild', '/health', '/ready', '/openapi.json'])
    t.equal((await ask(url)).statusCode, 200, url)
})

t.test('with a token for reading, all that tells of reports needs it', async (t) => {
  const { ask } = await house(t, { token: 'write', readToken: 'read' })
  for (const url of [
    '/',
    '/reports/a/one.md',
    '/reports-index',
    '/rebuild',
    '/rebuild/x',
    '/reports-index?q=1'
  ]) {
    t.equal((await ask(url)).statusCode, 401, url)
    t.equal((await ask(url, bearer('write'))).statusCode, 401, `${url}: the other token is another`)
  }
  t.equal((await ask('/reports-index', {}, 'HEAD')).statusCode, 401)
  t.equal((await ask('/reports-index', bearer('read'))).statusCode, 200)
  t.equal((await ask('/', bearer('read'))).statusCode, 200)
  t.match((await ask('/metrics', {})).statusCode, 401)
  t.equal((await ask('/reports-index', bearer('read'), 'HEAD')).statusCode, 200)
  t.equal((await ask('/rebuild', bearer('read'))).statusCode, 200)
  t.equal((await ask('/rebuild', bearer('read'), 'POST')).statusCode, 401)
  for (const url of ['/health', '/ready', '/openapi.json']) t.equal((await ask(url)).statusCode, 200, url)
  t.equal((await ask('/nowhere')).statusCode, 404)
})

t.test('every route says who may ask', async (t) => {
  const server = fastify()
  const routes: string[] = []
  server.addHook('onRoute', ({ url, method, config }) => {
    if (url !== '*' && !config?.access) routes.push(`${String(method)} ${url}`)
  })
  await server.register(app, { settings: settingsFor(scratch(t, { 'a/': '' }), ['a']), alone: true })
  await server.ready()
  await server.close()
  t.strictSame(routes, [])
})

t.test('a page that reaches it by another name is refused, whatever it asks', async (t) => {
  const { ask } = await house(t, { allowedHosts: 'reports.example' })
  for (const url of ['/', '/reports/a/one.md', '/reports-index', '/health', '/rebuild', '/nowhere']) {
    const answer = await ask(url, { host: 'evil.example:3000' })
    t.match(answer.json(), { statusCode: 403, code: 'RI_ERR_UNKNOWN_HOST', message: /evil\.example/ }, url)
  }
  t.equal((await ask('/rebuild', { host: 'evil.example' }, 'POST')).statusCode, 403)
  for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'reports.example'])
    t.equal((await ask('/reports-index', { host })).statusCode, 200, host)
})

t.test('a page of another site reads nothing, unless it is listed or a link is followed', async (t) => {
  const { ask } = await house(t, { corsOrigins: 'https://dash.example', serveReports: 'true' })
  const paths = [
    '/',
    '/reports/a/one.md',
    '/reports-index?q=one',
    '/reports-index/changes?since=x',
    '/rebuild',
    '/rebuild/x',
    '/health',
    '/ready',
    '/metrics',
    '/openapi.json',
    '/nowhere'
  ]
  for (const url of paths) {
    for (const site of ['cross-site', 'same-site']) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
      const refused = await ask(url, headers)
      t.match(refused.json(), { statusCode: 403, code: 'RI_ERR_CROSS_SITE' }, url)
      const frame = { ...headers, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }
      t.equal((await ask(url, frame)).statusCode, 403, 'no frame')
      const link = { ...frame, 'sec-fetch-dest': 'document' }
      t.not((await ask(url, link)).statusCode, 403, 'a link')
      const listed = { ...headers, 'sec-fetch-mode': 'cors', origin: 'https://dash.example' }
      t.not((await ask(url, listed)).statusCode, 403, 'a listed origin')
      t.equal((await ask(url, { ...listed, origin: 'https://evil.example' })).statusCode, 403)
    }
    for (const site of ['same-origin', 'none'])
      t.not((await ask(url, { 'sec-fetch-site': site })).statusCode, 403, `${url} ${site}`)
  }
})

t.test('every answer says that no other site embeds it and no browser guesses its type', async (t) => {
  const { ask } = await house(t, { serveReports: 'true' })
  const { etag } = (await ask('/reports-index')).headers
  const cases: Parameters<typeof ask>[] = [
    ['/'],
    ['/reports/a/one.md'],
    ['/reports/a/one.md?view=rendered'],
    ['/reports/a/none.md'],
    ['/reports-index'],
    ['/reports-index', { 'if-none-match': String(etag) }],
    ['/reports-index', {}, 'HEAD'],
    ['/reports-index/events', {}, 'HEAD'],
    ['/reports-index?x=1'],
    ['/rebuild', {}, 'POST'],
    ['/rebuild'],
    ['/health'],
    ['/metrics'],
    ['/openapi.json'],
    ['/nowhere'],
    ['/health', { host: 'evil.example' }],
    ['/health', {}, 'PUT']
  ]
  for (const [url, headers, method] of cases) {
    const answer = await ask(url, headers, method)
    for (const [name, value] of Object.entries(SAFE_HEADERS)) t.equal(answer.headers[name], value, url)
    t.ok(answer.headers['cache-control'], `${url} says whether it is kept`)
    if (answer.statusCode >= 400) t.equal(answer.headers['cache-control'], 'no-store', url)
  }
})

t.test('a path that is known by other methods says by which', async (t) => {
  const { ask } = await house(t, {})
  const cases: [string, string][] = [
    ['/', 'GET, HEAD, OPTIONS'],
    ['/reports-index?q=x', 'GET, HEAD, OPTIONS'],
    ['/reports-index/events', 'GET, HEAD, OPTIONS'],
    ['/reports/a/b/one.md', 'GET, HEAD, OPTIONS'],
    ['/rebuild', 'GET, HEAD, OPTIONS, POST'],
    ['/rebuild/some-id', 'GET, HEAD, OPTIONS'],
    ['/health', 'GET, HEAD, OPTIONS']
  ]
  for (const [url, allow] of cases) {
    for (const method of [
      'PUT',
      'DELETE',
      'PATCH',
      'QUERY',
      'PROPFIND',
      'TRACE'
    ] as InjectOptions['method'][]) {
      const answer = await ask(url, {}, method)
      t.match(answer.json(), { statusCode: 405, code: 'RI_ERR_METHOD_NOT_ALLOWED' }, `${method} ${url}`)
      t.equal(answer.headers.allow, allow)
    }
    const options = await ask(url, {}, 'OPTIONS')
    t.equal(options.statusCode, 204)
    t.equal(options.headers.allow, allow)
  }
  for (const url of ['/nowhere', '/healthy', '/rebuild/a/b', '/reports'])
    for (const method of ['GET', 'PUT', 'OPTIONS', 'QUERY'] as InjectOptions['method'][])
      t.equal((await ask(url, {}, method)).statusCode, 404, `${method} ${url}`)
})

t.test('the listing is sent in the state that is asked for, or not at all', async (t) => {
  const { ask } = await house(t, {})
  const { etag, 'last-modified': modified } = (await ask('/reports-index')).headers as Record<string, string>
  for (const headers of [
    { 'if-match': etag as string },
    { 'if-match': '*' },
    { 'if-unmodified-since': modified as string }
  ])
    t.equal((await ask('/reports-index', headers)).statusCode, 200, JSON.stringify(headers))
  for (const headers of [
    { 'if-match': '"other"' },
    { 'if-match': `W/${etag}` },
    { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }
  ])
    t.match((await ask('/reports-index', headers)).json(), { statusCode: 412 }, JSON.stringify(headers))
})

t.test('a query that is no text shows a person the page, and a program what is wrong', async (t) => {
  const { ask } = await house(t, {})
  t.match((await ask('/?q=%ff')).headers['content-type'], 'text/html')
  t.match((await ask('/reports-index?q=%ff')).json(), { statusCode: 400, code: 'RI_ERR_BAD_ENCODING' })
})

t.test('a page of another origin can not rebuild', async (t) => {
  const { ask } = await house(t)
  for (const origin of ['https://evil.example', 'null', 'http://localhost:8080']) {
    const answer = await ask('/rebuild', { host: 'localhost:3000', origin }, 'POST')
    t.match(answer.json(), { statusCode: 403, code: 'RI_ERR_FOREIGN_ORIGIN' }, origin)
  }
  t.equal(
    (await ask('/rebuild', { host: 'localhost:3000', origin: 'http://localhost:3000' }, 'POST')).statusCode,
    200
  )
  const read = await ask('/reports-index', { host: 'localhost:3000', origin: 'https://evil.example' })
  t.equal(read.headers['access-control-allow-origin'], undefined)
  t.equal(read.headers.vary, 'Accept-Encoding')
  const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
  const told = await ask('/rebuild', preflight, 'OPTIONS')
  t.equal(told.headers['access-control-allow-origin'], undefined, 'which a browser takes for a no')
  t.equal(told.headers['access-control-allow-methods'], undefined)
})

t.test('a listed origin may read and rebuild, with tokens too', async (t) => {
  const { ask } = await house(t, { corsOrigins: 'https://dash.example', token: 'write', readToken: 'read' })
  const origin = 'https://dash.example'
  const preflight = await ask(
    '/rebuild',
    { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    'OPTIONS'
  )
  t.equal(preflight.statusCode, 204, 'a preflight carries no token')
  t.match(preflight.headers, {
    'access-control-allow-origin': origin,
    'access-control-allow-headers': /Authorization/,
    'access-control-allow-methods': /POST/
  })
  const read = await ask('/reports-index', { origin, ...bearer('read') })
  t.match(read.headers, {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': /ETag/,
    vary: 'Origin, Accept-Encoding'
  })
  const same = await ask('/reports-index', {
    origin,
    ...bearer('read'),
    'if-none-match': read.headers.etag as string
  })
  t.equal(same.statusCode, 304)
  t.equal(same.headers.vary, 'Origin, Accept-Encoding')
  t.equal((await ask('/rebuild', { origin, ...bearer('write') }, 'POST')).statusCode, 200)
  t.equal(
    (await ask('/rebuild', { origin: 'https://evil.example', ...bearer('write') }, 'POST')).statusCode,
    403
  )
  const other = await ask('/reports-index', { origin: 'https://evil.example', ...bearer('read') })
  t.equal(other.headers['access-control-allow-origin'], undefined)
  t.equal(other.headers.vary, 'Origin, Accept-Encoding', 'a cache keeps both apart')
  const stranger = await ask(
    '/rebuild',
    { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    'OPTIONS'
  )
  t.equal(stranger.headers['access-control-allow-origin'], undefined)
})

t.test('what is too long is refused in the shape of all errors', async (t) => {
  const { ask } = await house(t)
  t.match((await ask(`/reports-index?q=${'x'.repeat(9000)}`)).json(), {
    statusCode: 414,
    code: 'RI_ERR_URL_TOO_LONG'
  })
  t.match((await ask(`/rebuild/${'x'.repeat(500)}`)).json(), {
    statusCode: 414,
    code: 'FST_ERR_MAX_PARAM_LENGTH'
  })
  t.match((await ask('/rebuild/%zz')).json(), {
    statusCode: 400,
    code: String,
    error: 'Bad Request',
    message: String
  })
})

async function crowded(t: Test, requests: string) {
  const folder = scratch(t, { 'a/one.md': '' })
  const args = ['--base', `a=${folder}/a`, '--manifest', `${folder}/m.json`, '--refresh', '0']
  const service = await Service.start(args)
  t.teardown(() => service.stop('SIGKILL'))
  const port = Number(new URL(service.url).port)
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const open = (text: string) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    socket.write(text)
    return socket
  }
  const closed = new Set<number>()
  for (let i = 0; i < 500; i++) open(requests).on('close', () => closed.add(i))
  return { service, open, sockets, closed }
}

const health = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'

function answer(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket
      .on('close', () => resolve(text))
      .on('data', (data: Buffer) => {
        text += data.toString()
        if (/\r\n\r\n.*\}$/s.test(text)) resolve(text)
      })
  })
}

t.test('where many connections are idle, the longest idle one is closed for a new one', async (t) => {
  const { service, open, sockets, closed } = await crowded(t, '')
  for (const socket of sockets) {
    socket.write(health)
    t.match(await answer(socket), 'HTTP/1.1 200')
  }
  const fresh = open(health)
  const text = await answer(fresh)
  t.match(text, 'HTTP/1.1 200')
  t.match(text, /keep-alive: timeout=5\r\n/i, 'and many are not kept for long')
  for (let i = 0; i < 9; i++) t.match(await answer(open(health)), 'HTTP/1.1 200')
  await until(() => closed.size === 10)
  t.strictSame(
    [...closed].toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  )
  t.equal(await service.stop(), 0)
})

t.test(
  'where all connections are busy, this machine is told of its health, and others are refused',
  async (t) => {
    // A request whose body does not come.
    const { service, open, sockets, closed } = await crowded(
      t,
      'POST /rebuild HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n'
    )
    const ask = (path: string) => answer(open(health.replace('/health', path)))
    await until(async () => (await ask('/healthy')).startsWith('HTTP/1.1 503'))
    t.match(await ask('/health'), 'HTTP/1.1 200')
    t.match(await ask('/ready?'), /\{"ready":(?:true|false)\}$/)
    const refused = await ask('/reports-index')
    for (const part of [/^HTTP\/1\.1 503 /, /retry-after: 5\r\n/i, /connection: close\r\n/i, /"RI_ERR_BUSY"/])
      t.match(refused, part)
    t.equal(closed.size, 0)
    t.match(service.stderr, /500 connections are open and busy/)
    const more = Array.from({ length: 30 }, () => open(health.slice(0, 20)))
    await Promise.all(more.slice(16).map(answer))
    t.pass('there is room for 16 of this machine')
    for (const socket of sockets) socket.destroy()
    await until(async () => (await ask('/openapi.json')).startsWith('HTTP/1.1 200'))
  }
)

t.test('headers that are too large are told of', async (t) => {
  const { service } = await crowded(t, health)
  const body = await fetch(`${service.url}/health`, { headers: { x: 'y'.repeat(20_000) } })
  t.equal(body.status, 431)
  t.match(await body.json(), { statusCode: 431, code: 'HPE_HEADER_OVERFLOW' })
  for (const [name, value] of Object.entries(ERROR_HEADERS)) t.equal(body.headers.get(name), value)
})

t.test('it can stand in an app that has a description, CORS and answers of its own', async (t) => {
  const host = fastify()
  await host.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Host', version: '1' } } })
  await host.register(cors, { origin: true })
  host.setNotFoundHandler(async (_request, reply) => await reply.code(404).send({ by: 'the host' }))
  const folder = scratch(t, { 'a/one.md': '' })
  const settings = settingsFor(folder, ['a'], { corsOrigins: 'https://dash.example' })
  await host.register(app, { prefix: '/in', settings })
  await host.register(app, { settings: settingsFor(folder, ['a']) })
  t.teardown(() => host.close())
  t.match((await host.inject('/in/openapi.json')).json(), { info: { title: 'reports-index' } })
  t.equal(host.swagger().info.title, 'Host')
  t.strictSame((await host.inject('/nowhere')).json(), { by: 'the host' })
  t.match((await host.inject('/in/nowhere')).json(), { code: 'RI_ERR_NOT_FOUND' })
  const read = await host.inject({ url: '/in/reports-index', headers: { origin: 'https://any.example' } })
  t.match(read.headers, {
    'access-control-allow-origin': 'https://any.example',
    vary: /Origin, Accept-Encoding/
  })
  t.equal(
    (await host.inject({ url: '/nowhere', headers: { host: 'evil.example' } })).statusCode,
    404,
    "the host's own"
  )
})

t.test('an app that is served beyond loopback needs a token, whoever serves it', async (t) => {
  const settings = settingsFor(scratch(t, { 'a/': '' }), ['a'], { host: '0.0.0.0' })
  await t.rejects(async () => await fastify().register(app, { settings }).ready(), {
    code: 'RI_ERR_SETTING',
    message: /REPORTS_INDEX_TOKEN/
  })
})

t.test('a path that no file can have is refused at once', async (t) => {
  const { server } = await house(t)
  for (const rel of [`${'x/'.repeat(30_000)}y.md`, `${'x'.repeat(256)}.md`, `${'é'.repeat(130)}.md`]) {
    const began = performance.now()
    const answer = await server.inject({
      method: 'POST',
      url: '/rebuild',
      payload: { paths: [{ base: 'a', rel }] }
    })
    t.match(answer.json(), { statusCode: 400, code: 'RI_ERR_BAD_PATH' })
    t.ok(performance.now() - began < 500)
  }
  const deep = Array.from({ length: 1000 }, (_, i) => ({ base: 'a', rel: `${'x/'.repeat(2000)}${i}.md` }))
  t.equal(
    (await server.inject({ method: 'POST', url: '/rebuild', payload: { paths: deep } })).statusCode,
    200
  )
})
