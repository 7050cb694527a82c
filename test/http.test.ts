import fs from 'node:fs'
import { join } from 'node:path'
import fastify from 'fastify'
import t from 'tap'
import { ToadScheduler } from 'toad-scheduler'
import app from '../src/app.js'
import { digestOf } from '../src/services/etag.js'
import { openManifest } from '../src/services/open-manifest.js'
import { type Description, FILES, house, post } from './described.js'
import { plant, scratch, settingsFor, until } from './support.js'

t.test('the listing, whole, with its headers', async (t) => {
  const { ask, manifest } = await house(t)
  await ask(post())
  const answer = await ask('/reports-index')
  t.equal(answer.statusCode, 200)
  const { total, count, reports, ...rest } = answer.json()
  t.match({ total, count, rest }, { total: 3, count: 3, rest: {} })
  t.strictSame(reports.map(({ title }: { title: string }) => title).toSorted(), ['One', 'Three', 'Two'])
  t.match(answer.headers, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-cache',
    vary: 'Accept-Encoding',
    'reports-index-source': 'manifest'
  })
  const { etag, generatedAt } = JSON.parse(fs.readFileSync(manifest, 'utf8'))
  t.equal(answer.headers.etag, `"${etag}"`)
  t.equal(etag, digestOf(answer.rawPayload), 'the tag is the digest of the answer')
  t.equal(answer.headers['last-modified'], new Date(generatedAt).toUTCString())
  const status = JSON.parse(fs.readFileSync(manifest.replace('.json', '.status.json'), 'utf8'))
  t.equal(answer.headers['reports-index-checked-at'], status.checkedAt)
})

t.test('who has the listing is told so in a few bytes', async (t) => {
  const { ask } = await house(t)
  await ask(post())
  const { headers } = await ask('/reports-index')
  for (const tag of [headers.etag, `W/${headers.etag}`, `"x", ${headers.etag}`, '*']) {
    const answer = await ask({ url: '/reports-index', headers: { 'if-none-match': String(tag) } })
    t.equal(answer.statusCode, 304)
    t.notOk(answer.headers['content-length'])
    for (const name of ['etag', 'cache-control', 'vary', 'last-modified'])
      t.equal(answer.headers[name], headers[name], name)
  }
  t.equal((await ask({ url: '/reports-index', headers: { 'if-none-match': '"x"' } })).statusCode, 200)
})

t.test('HEAD says what GET would, without the body', async (t) => {
  const { ask, server } = await house(t)
  await ask(post())
  const url = `${await server.listen()}/reports-index`
  const get = await fetch(url)
  const head = await fetch(url, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(await head.text(), '')
  const without = ({ headers }: Response) =>
    Object.fromEntries([...headers].filter(([name]) => !/^(?:date|connection|keep-alive)$/.test(name)))
  t.strictSame(without(head), without(get))
  const notModified = await fetch(url, { method: 'HEAD', headers: { 'if-none-match': '*' } })
  t.equal(notModified.status, 304)
  t.notOk(notModified.headers.get('content-length'), 'not that of an empty answer')
})

t.test('a rebuild tells what it found', async (t) => {
  const { ask, folder } = await house(t)
  t.match((await ask(post())).json(), {
    count: 3,
    warnings: [],
    bases: [
      { name: 'a', status: 'ok', count: 2 },
      { name: 'b', status: 'ok', count: 1 }
    ]
  })
  plant(folder, { 'a/one.md': '# Uno!', 'a/new.md': '# New' })
  fs.rmSync(join(folder, 'b/three.txt'))
  fs.symlinkSync('one.md', join(folder, 'a/link.md'))
  plant(folder, { 'b/four.md': '---\ntitle: a: b\n---\n' })
  const { etag, ...result } = (await ask(post({ mode: 'full' }))).json()
  t.match(result, { count: 4, added: 2, updated: 1, removed: 1, unchanged: 1, skippedLinks: 1, filesRead: 4 })
  t.match(result.warnings, [{ code: 'front-matter', base: 'b', rel: 'four.md', line: 2 }])
  t.equal((await ask('/reports-index')).headers.etag, `"${etag}"`)
})

t.test('a rebuild by paths looks at these alone', async (t) => {
  const { ask, folder } = await house(t)
  await ask(post())
  plant(folder, { 'a/one.md': '# Uno', 'a/unnamed.md': '# Not named' })
  const answer = await ask(post({ paths: [{ base: 'a', rel: 'one.md' }] }))
  t.match(answer.json(), { count: 3, updated: 1, filesRead: 1 })
})

t.test('what is wrong with a rebuild is named, and nothing is built', async (t) => {
  const { ask, folder, server } = await house(t)
  await ask(post())
  plant(folder, { 'outside.md': '' })
  fs.symlinkSync('../outside.md', join(folder, 'a/out.md'))
  plant(folder, { 'a/new.md': '# New' })
  const wrong: [object | string, RegExp][] = [
    [{ paths: [{ base: 'a', rel: '../outside.md' }] }, /"\.\.\/outside\.md"/],
    [{ paths: [{ base: 'a', rel: '/etc/passwd' }] }, /"\/etc\/passwd"/],
    [{ paths: [{ base: 'a', rel: 'x/../../outside.md' }] }, /outside/],
    [{ paths: [{ base: 'a', rel: 'out.md' }] }, /"out\.md"/],
    [{ paths: [{ base: 'a', rel: '' }] }, /paths\/0\/rel/],
    [{ paths: [{ base: 'c', rel: 'x.md' }] }, /unknown base "c"/],
    [{ paths: Array.from({ length: 1001 }, () => ({ base: 'a', rel: 'x' })) }, /paths.*1000/],
    [{ paths: [{ base: 'a', rel: 'x', more: 1 }] }, /unknown field "more"/],
    [{ acceptRemovals: ['c'] }, /unknown base "c"/],
    [{ acceptRemovals: 'a' }, /acceptRemovals/],
    [{ mode: 'quick' }, /"mode".*incremental, full/],
    [{ colour: 'red' }, /unknown field "colour"/],
    [[], /object/],
    ['{', /JSON/],
    ['{"__proto__": {}}', /JSON|prototype/]
  ]
  for (const [payload, message] of wrong) {
    const options = {
      method: 'POST' as const,
      url: '/rebuild',
      headers: { 'content-type': 'application/json' },
      payload
    }
    const answer = await ask(
      typeof payload === 'string' ? options : { ...options, payload: JSON.stringify(payload) }
    )
    t.equal(answer.statusCode, 400, JSON.stringify(payload).slice(0, 60))
    t.match(answer.json(), { statusCode: 400, code: /^(FST|RI)_ERR_/, error: 'Bad Request', message })
  }
  t.equal((await ask(post(undefined, '?wait=perhaps'))).statusCode, 400)
  t.match((await ask(post(undefined, '?wiat=true'))).json(), { message: 'unknown parameter "wiat"' })
  t.equal((await ask({ ...post(), headers: { 'content-type': 'text/plain' }, payload: 'x' })).statusCode, 415)
  t.equal((await server.inject('/reports-index')).json().count, 3)
})

t.test('a rebuild without a body is one, however its absence is sent', async (t) => {
  const { server } = await house(t)
  const url = await server.listen()
  for (const headers of [
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'application/x-www-form-urlencoded' }
  ]) {
    const answer = await fetch(`${url}/rebuild`, { method: 'POST', headers, body: '' })
    t.equal(answer.status, 200, JSON.stringify(headers))
  }
})

t.test('who does not wait gets an id to ask with', async (t) => {
  const { ask } = await house(t)
  const answer = await ask(post({ mode: 'full' }, '?wait=false'))
  t.equal(answer.statusCode, 202)
  const { id } = answer.json()
  t.equal(answer.headers.location, `/rebuild/${id}`)
  const told = async () => (await ask(`/rebuild/${id}`)).json()
  t.match(await told(), { id, state: /waiting|running|done/ })
  await until(async () => (await told()).state === 'done')
  t.match(await told(), { id, state: 'done', result: { count: 3 } })
  t.match((await ask('/rebuild')).json(), {
    running: null,
    waiting: false,
    last: { state: 'done', result: { count: 3 } }
  })
  t.match((await ask('/rebuild/other')).json(), { statusCode: 404, code: 'RI_ERR_NOT_FOUND' })
})

t.test(
  'a manifest that can not be written is 503 with a code of its own, and the listing is served all the same',
  async (t) => {
    const { ask } = await house(t, { ...FILES, state: 'a file where the folder should be' })
    const answer = await ask(post())
    t.equal(answer.statusCode, 503)
    t.match(answer.json(), {
      code: 'RI_ERR_NOT_WRITTEN',
      message:
        'the manifest can not be written, so nothing is built: a file is in the place of its folder (EEXIST)'
    })
    t.match(await ask('/reports-index'), { statusCode: 200, headers: { 'reports-index-source': 'snapshot' } })
    const { id } = (await ask(post(undefined, '?wait=false'))).json()
    await until(async () => (await ask(`/rebuild/${id}`)).json().state === 'failed')
    t.match((await ask(`/rebuild/${id}`)).json(), { error: { code: 'RI_ERR_NOT_WRITTEN' } })
    t.match((await ask('/health')).json(), {
      status: 'degraded',
      manifest: { status: 'missing' },
      builder: { lastError: /EEXIST/ }
    })
  }
)

t.test('health tells how all is, and strictly so for curl -f', async (t) => {
  const { ask, folder } = await house(t)
  await ask(post())
  const healthy = (await ask('/health?strict=true')).json()
  t.match(healthy, {
    status: 'ok',
    version: /^\d/,
    manifest: { status: 'ok', count: 3, ageSeconds: Number },
    bases: [
      { name: 'a', status: 'ok', count: 2 },
      { name: 'b', status: 'ok', count: 1 }
    ],
    builder: { running: false, lastError: null, nextRunAt: null }
  })
  fs.renameSync(join(folder, 'b'), join(folder, 'away'))
  await ask(post())
  t.equal((await ask('/health')).statusCode, 200)
  const strict = await ask('/health?strict=true')
  t.equal(strict.statusCode, 503)
  t.match(strict.json(), {
    status: 'degraded',
    bases: [
      { status: 'ok' },
      { status: 'unavailable', error: /^it does not exist \(ENOENT\); its 1 known reports stay listed/ }
    ]
  })
  t.notMatch(strict.body, folder, 'no path of the host')
  t.match((await ask('/ready')).json(), { ready: true })
})

t.test(
  'it is not ready before there is a listing, and without one a request waits for the first',
  async (t) => {
    const { server, ask } = await house(t)
    // The first build runs by now, but a process of its own takes longer to begin than this takes to ask.
    const [ready, listing] = await Promise.all([ask('/ready'), ask('/reports-index')])
    t.ok([200, 503].includes(ready.statusCode))
    t.match(listing, { statusCode: 200, headers: { 'reports-index-source': /live-scan|manifest/ } })
    t.equal((await server.inject('/ready')).statusCode, 200)
  }
)

t.test('a manifest that is removed, cut or bent is served from memory and healed', async (t) => {
  const { ask, manifest } = await house(t)
  await ask(post())
  const { body, headers } = await ask('/reports-index')
  const bytes = fs.readFileSync(manifest)
  const bend = (at: number) => {
    const bent = Buffer.from(bytes)
    bent[at] = (bent[at] as number) ^ 1
    fs.writeFileSync(manifest, bent)
  }
  const damages: Record<string, () => void> = {
    removed: () => fs.rmSync(manifest),
    cut: () => fs.truncateSync(manifest, 200),
    emptied: () => fs.writeFileSync(manifest, ''),
    'bent in its head': () => bend(30),
    'bent in its listing': () => bend(bytes.indexOf('One')),
    'bent behind it': () => bend(bytes.indexOf('"files"') + 20),
    'made a folder': () => {
      fs.rmSync(manifest)
      fs.mkdirSync(manifest)
    }
  }
  for (const [damage, make] of Object.entries(damages)) {
    make()
    const answer = await ask('/reports-index')
    t.match(
      answer,
      { statusCode: 200, body, headers: { etag: headers.etag, 'reports-index-source': 'snapshot' } },
      damage
    )
    if (damage === 'made a folder') {
      t.match((await ask('/health')).json(), { status: 'degraded', manifest: { status: 'unreadable' } })
      fs.rmdirSync(manifest)
    }
    await until(async () => (await ask('/reports-index')).headers['reports-index-source'] === 'manifest')
    t.equal(`"${openManifest(fs.readFileSync(manifest))?.snapshot.etag}"`, headers.etag, `${damage}: healed`)
    t.match((await ask('/health')).json(), { status: 'ok' })
  }
})

t.test('the schedule finds what nobody told of', async (t) => {
  const { ask, folder } = await house(t, FILES, { refresh: '200ms' })
  await ask(post())
  t.match((await ask('/health')).json().builder, { nextRunAt: /^\d{4}/ })
  plant(folder, { 'a/new.md': '# New' })
  await until(async () => (await ask('/reports-index')).json().count === 4)
})

t.test('errors have one shape, and show nothing of the inside', async (t) => {
  const { ask, server, folder } = await house(t)
  t.strictSame((await ask('/nope?x=1')).json(), {
    statusCode: 404,
    code: 'RI_ERR_NOT_FOUND',
    error: 'Not Found',
    message: 'there is no GET /nope'
  })
  t.match((await ask('/reports-index?colour=red')).json(), {
    statusCode: 400,
    message: 'unknown parameter "colour"'
  })
  t.match((await server.inject('/%ZZ')).json(), { statusCode: 400, code: 'FST_ERR_BAD_URL' })
  const broken = fastify()
  t.teardown(() => broken.close())
  const settings = settingsFor(folder, ['a'], { manifest: join(folder, 'other/m.json') })
  await broken.register(async (scope) => {
    await app(scope, { settings })
    scope.get('/broken', () => {
      throw new Error(`ENOENT: ${folder}`)
    })
  })
  const answer = await broken.inject('/broken')
  t.match(answer.json(), { statusCode: 500, code: 'RI_ERR_INTERNAL', error: 'Internal Server Error' })
  t.notMatch(answer.body, folder)
})

t.test('the description has every route, and every route is described', async (t) => {
  const { server } = await house(t)
  const description = (await server.inject('/openapi.json')).json<Description>()
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`)
  )
  t.strictSame(described.toSorted(), [
    'get /',
    'get /health',
    'get /metrics',
    'get /openapi.json',
    'get /ready',
    'get /rebuild',
    'get /rebuild/{id}',
    'get /reports-index',
    'get /reports-index/changes',
    'get /reports-index/events',
    'get /reports/{base}/{rel}',
    'head /',
    'head /reports-index',
    'head /reports/{base}/{rel}',
    'post /rebuild'
  ])
  const routes = server.printRoutes({ commonPrefix: false })
  const served = [...routes.matchAll(/\((\w+(?:, \w+)*)\)/g)].flatMap(([, methods = '']) =>
    methods.split(', ')
  )
  t.equal(
    served.filter((method) => method !== 'HEAD').length,
    described.filter((name) => !name.startsWith('head')).length,
    routes
  )
})

t.test('it can be embedded, twice, under prefixes, in a host with a scheduler of its own', async (t) => {
  const folder = scratch(t, { 'a/': '', 'b/': '' })
  plant(folder, FILES)
  const host = fastify()
  const scheduler = new ToadScheduler()
  host.decorate('scheduler', scheduler)
  const settings = (name: string) =>
    settingsFor(folder, [name], { manifest: join(folder, `${name}.json`), refresh: '1h' })
  await host.register(app, { prefix: '/one', settings: settings('a') })
  await host.register(app, { prefix: '/two', settings: settings('b') })
  t.equal((await host.inject({ method: 'POST', url: '/one/rebuild' })).json().count, 2)
  t.equal((await host.inject({ method: 'POST', url: '/two/rebuild' })).json().count, 1)
  const { headers } = await host.inject({ method: 'POST', url: '/two/rebuild?wait=false' })
  t.match(headers.location, /^\/two\/rebuild\/./)
  t.equal(scheduler.getAllJobs().length, 2)
  await host.close()
  t.equal(scheduler.getAllJobs().length, 0, 'its own jobs are gone, the scheduler is the host’s')
})

t.test('closing answers those who wait for a build', async (t) => {
  const folder = scratch(t, { 'a/': '' })
  const server = fastify()
  await server.register(app, { settings: settingsFor(folder, ['a']), alone: true })
  await server.ready()
  const waiting = server.inject(post())
  await new Promise(setImmediate)
  await server.close()
  t.match((await waiting).json(), { statusCode: 503, code: 'RI_ERR_STOPPING' })
})
