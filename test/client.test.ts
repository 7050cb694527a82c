import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readEvents, type ServerEvent } from '../src/client/event-stream.js'
import { ReportsIndexClient, ReportsIndexError } from '../src/client/index.js'
import { packageRoot } from '../src/surroundings.js'
import { house, post } from './described.js'
import { plant, scratch, until } from './support.js'

async function stage(t: Test, texts = {}) {
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`a/${i}.md`, `# Report ${i}`]))
  const made = await house(t, files, texts)
  await made.server.inject({ ...post(), headers: { authorization: `Bearer ${'w'.repeat(20)}` } })
  await made.server.listen({ port: 0 })
  const baseUrl = `http://127.0.0.1:${(made.server.server.address() as AddressInfo).port}`
  const asked: { url: string; status: number }[] = []
  const spied: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    asked.push({ url: (input as string).slice(baseUrl.length), status: answer.status })
    return answer
  }
  return { ...made, baseUrl, asked, client: new ReportsIndexClient({ baseUrl: `${baseUrl}/`, fetch: spied }) }
}

t.test('the client keeps what it was answered', async (t) => {
  const { client, asked, folder } = await stage(t)
  const first = await client.list()
  t.equal(first.total, 12)
  t.equal(first.source, 'manifest')
  t.match(first.checkedAt, /Z$/)
  t.equal(await client.list(), first, 'the very same object')
  const some = await client.list({ base: ['a', 'b'], q: 'report 1', limit: 2 })
  t.equal(some.count, 2)
  t.not(some.etag, first.etag)
  plant(folder, { 'a/new.md': '# New' })
  const built = await client.rebuild({ paths: [{ base: 'a', rel: 'new.md' }] })
  t.match(built, { added: 1, count: 13 })
  t.match(await client.list(), { total: 13, etag: built.etag })
  t.strictSame(
    asked.map(({ url, status }) => `${status} ${url}`),
    [
      '200 /reports-index',
      '304 /reports-index',
      '200 /reports-index?base=a&base=b&limit=2&q=report+1',
      '200 /rebuild',
      '200 /reports-index'
    ]
  )
  const changes = await client.changes(first.etag)
  t.match(changes, { to: built.etag, upserted: [{ rel: 'new.md' }], removed: [] })
})

t.test('the client walks through pages', async (t) => {
  const { client } = await stage(t)
  const counts: number[] = []
  for await (const page of client.pages({ limit: 5 })) counts.push(page.count)
  t.strictSame(counts, [5, 5, 2])
})

t.test('the client asks for builds, and how they go', async (t) => {
  const { client } = await stage(t)
  const { id } = await client.requestRebuild({ mode: 'full' })
  t.match(await client.rebuildTicket(id), { id, state: /waiting|running|done/ })
  t.ok('running' in (await client.rebuilds()))
  t.match(await client.health(), { status: 'ok' })
  t.equal(await client.ready(), true)
})

t.test('what goes wrong is told with status and code', async (t) => {
  const { client, baseUrl } = await stage(t, { token: 'w'.repeat(20), readToken: 'r'.repeat(20) })
  await t.rejects(
    client.list(),
    new ReportsIndexError(401, 'FST_BEARER_AUTH_MISSING_AUTHORIZATION_HEADER', 'missing authorization header')
  )
  const known = new ReportsIndexClient({ baseUrl, token: 'w'.repeat(20), readToken: 'r'.repeat(20) })
  await known.rebuild()
  t.equal((await known.list()).total, 12)
  const failure = async (work: Promise<unknown>) => {
    try {
      await work
    } catch (error) {
      return error as ReportsIndexError
    }
    return undefined
  }
  t.match(await failure(known.list({ limit: 0 })), {
    status: 400,
    code: 'FST_ERR_VALIDATION',
    isPassing: false
  })
  t.match(await failure(known.changes('f'.repeat(64))), { status: 410, code: 'RI_ERR_TAG_GONE' })
  const nowhere = new ReportsIndexClient({ baseUrl: 'http://127.0.0.1:1' })
  t.match(await failure(nowhere.list()), { status: 0, code: 'RI_CLIENT_UNREACHABLE', isPassing: true })
  const stopped = AbortSignal.abort(new Error('enough'))
  t.match(await failure(known.list({}, { signal: stopped })), { message: 'enough' })
})

t.test('a proxy that answers for the service, or not at all, is an error too', async (t) => {
  const server = http.createServer((request, answer) => {
    if (request.url === '/reports-index')
      answer.writeHead(502, { 'retry-after': '7' }).end('<h1>Bad gateway</h1>')
    if (request.url === '/health') answer.writeHead(200).end('<h1>Welcome</h1>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new ReportsIndexClient({ baseUrl, timeoutMs: 300 })
  await t.rejects(client.list(), new ReportsIndexError(502, 'HTTP_502', 'the answer is 502', 7))
  await t.rejects(client.health(), { code: 'RI_CLIENT_BAD_ANSWER' })
  await t.rejects(
    client.changes('x'),
    new ReportsIndexError(0, 'RI_CLIENT_TIMEOUT', 'no answer within 300 ms')
  )
})

t.test('what something else answers is no listing', async (t) => {
  let type = 'application/json'
  let body = ''
  const server = http.createServer((_request, answer) =>
    answer.writeHead(200, { 'content-type': type }).end(body)
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const client = new ReportsIndexClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  const bad = { code: 'RI_CLIENT_BAD_ANSWER' }
  for (body of ['null', '[]', '{}', '"x"', '{"reports":"x","total":1}', '<html>']) {
    await t.rejects(client.list(), bad, body)
    await t.rejects(client.changes('x'), bad)
    await t.rejects(client.follow().next(), bad)
    await t.rejects(client.events().next(), bad, 'not a stream')
  }
  type = 'text/event-stream'
  for (body of [
    'event: changed\ndata: null\n\n',
    'event: changed\ndata: {\n\n',
    `data: ${'x'.repeat(2 << 20)}`
  ])
    await t.rejects(client.events().next(), bad, body.slice(0, 40))
  t.throws(() => new ReportsIndexClient({ baseUrl: 'nonsense' }), TypeError)
  t.throws(() => new ReportsIndexClient({ baseUrl: 'http://' }), TypeError)
})

t.test('a service that asks for a long wait is not asked at once', async (t) => {
  let asked = 0
  const server = http.createServer((_request, answer) => {
    asked++
    answer.writeHead(503, { 'retry-after': '100000000000' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const client = new ReportsIndexClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  const signal = AbortSignal.timeout(500)
  await t.rejects(client.events({ signal }).next())
  t.equal(asked, 1)
})

t.test('in a browser a path will do, and it is the browser that completes it', async (t) => {
  Object.assign(globalThis, { location: { href: 'http://h/page?x=1' } })
  t.teardown(() => delete (globalThis as { location?: unknown }).location)
  const asked: string[] = []
  const spy = (async (url: string) => {
    asked.push(url)
    return new Response('{"ready":true}')
  }) as typeof fetch
  for (const baseUrl of ['', '/', '/index/', 'http://h:1/x/?y#z'])
    await new ReportsIndexClient({ baseUrl, fetch: spy }).ready()
  t.strictSame(asked, ['/ready', '/ready', '/index/ready', 'http://h:1/x/ready'])
})

t.test('events go on after the stream broke off, from what is known', async (t) => {
  const told = (etag: string) => `event: changed\nid: ${etag}\ndata: {"etag":"${etag}","count":1}\n\n`
  const known: (string | undefined)[] = []
  const server = http.createServer((request, answer) => {
    known.push(request.headers['last-event-id'] as string | undefined)
    if (known.length === 2) {
      answer.writeHead(503).end('{}')
      return
    }
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    answer.write(known.length === 1 ? `${told('1')}event: cut` : told('2'), () => {
      if (known.length === 1) answer.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const client = new ReportsIndexClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  const seen: string[] = []
  for await (const { etag } of client.events()) {
    seen.push(etag)
    if (etag === '2') break
  }
  t.strictSame(seen, ['1', '2'])
  t.strictSame(known, [undefined, '1', '1'])
})

t.test('following ends with an error that does not pass', async (t) => {
  const { client } = await stage(t, { readToken: 'r'.repeat(20) })
  const first = async (stream: AsyncGenerator) => await stream.next()
  await t.rejects(first(client.events()), { message: /authorization/ })
  await t.rejects(first(client.follow()), { message: /authorization/ })
})

t.test('who stops to follow leaves no stream open', async (t) => {
  const { client, server } = await stage(t)
  for await (const { reports } of client.follow()) {
    t.equal(reports.length, 12)
    break
  }
  for await (const { count } of client.events()) {
    t.equal(count, 12)
    break
  }
  await until(async () => /^reports_index_event_streams 0$/m.test((await server.inject('/metrics')).body))
})

t.test('events are read as they are meant, however their bytes are cut', async (t) => {
  const text =
    '\ufeff: hello\r\n\r\nevent: changed\r\nid: 1\r\ndata: {"a":\r\ndata: "é🙂"}\r\n\r\ndata:x\n\nid\rdata: y\r\revent: cut'
  const wanted = [
    { event: 'changed', id: '1', data: '{"a":\n"é🙂"}' },
    { event: 'message', id: '1', data: 'x' },
    { event: 'message', id: '', data: 'y' }
  ]
  const bytes = Buffer.from(text)
  const property = fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 20 }),
    async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const chunks = (async function* () {
        for (let i = 1; i < at.length; i++) yield bytes.subarray(at[i - 1], at[i])
      })()
      const events: ServerEvent[] = []
      for await (const event of readEvents(chunks)) events.push(event)
      return JSON.stringify(events) === JSON.stringify(wanted)
    }
  )
  await t.resolves(fc.assert(property, { numRuns: 300 }))
})

t.test(
  'a client that a public generator makes of openapi.yaml compiles, and talks to the service',
  async (t) => {
    const { baseUrl } = await stage(t)
    const folder = scratch(t)
    fs.symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'))
    const bin = (name: string) => join(packageRoot, 'node_modules/.bin', name)
    execFileSync(
      bin('openapi-typescript'),
      [join(packageRoot, 'openapi.yaml'), '-o', join(folder, 'api.ts')],
      { stdio: 'pipe' }
    )
    plant(folder, {
      'package.json': '{"type": "module"}',
      'use.ts': `
import createClient from 'openapi-fetch'
import type { components, paths } from './api.js'

export type Entry = components['schemas']['Entry']

export async function talk(baseUrl: string): Promise<{ titles: string[]; added: number; upserted: number; error: string | undefined }> {
  const client = createClient<paths>({ baseUrl })
  const { data, response } = await client.GET('/reports-index', { params: { query: { base: ['a', 'b'], limit: 3, q: 'report' } } })
  const etag: string = (await client.GET('/health')).data?.manifest.etag ?? ''
  const built = await client.POST('/rebuild', { body: { paths: [{ base: 'a', rel: '1.md' }] }, params: { query: { wait: 'true' } } })
  const changes = await client.GET('/reports-index/changes', { params: { query: { since: etag } } })
  const bad = await client.GET('/reports-index', { params: { query: { limit: 0 } } })
  if (!data || !response.ok) throw new Error('no listing')
  return {
    titles: data.reports.map(({ title }: Entry) => title),
    added: built.data && 'added' in built.data ? built.data.added : -1,
    upserted: changes.data?.upserted.length ?? -1,
    error: bad.error?.code
  }
}
`
    })
    const flags = [
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--skipLibCheck',
      '--types',
      'node',
      '--outDir',
      folder
    ]
    execFileSync(bin('tsc'), [...flags, join(folder, 'use.ts')], { cwd: folder, stdio: 'pipe' })
    const { talk } = await import(pathToFileURL(join(folder, 'use.js')).href)
    t.match(await talk(baseUrl), {
      titles: [/Report/, /Report/, /Report/],
      added: 0,
      upserted: 0,
      error: 'FST_ERR_VALIDATION'
    })
  }
)
