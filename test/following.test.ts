import fs from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import app from '../src/app.js'
import { readEvents, type ServerEvent } from '../src/client/event-stream.js'
import { ReportsIndexClient, withChanges } from '../src/client/index.js'
import { type EventStream, Followers } from '../src/services/followers.js'
import { type House, house, post } from './described.js'
import { dose, rounds } from './dose.js'
import { plant, scratch, settingsFor, until } from './support.js'

async function stage(t: Test, texts = {}): Promise<House & { url: string }> {
  const made = await house(t, { 'a/one.md': '# One', 'a/two.md': '# Two' }, texts)
  await made.ask(post())
  await made.server.listen({ port: 0 })
  return { ...made, url: `http://127.0.0.1:${(made.server.server.address() as AddressInfo).port}` }
}

interface Stream {
  answer: IncomingMessage
  /** All that came, comments too. */
  text(): string
  next(): Promise<ServerEvent>
  end(): void
}

function open(t: Test, url: string, headers: Record<string, string> = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = http.get(`${url}/reports-index/events`, { headers, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      const events = readEvents(answer.pipe(new PassThrough()))
      const next = async () => (await events.next()).value as ServerEvent
      resolve({ answer, text: () => text, next, end: () => request.destroy() })
    })
    request.on('error', reject)
    t.teardown(() => request.destroy())
  })
}

t.test('changes make the new listing of the old one', async (t) => {
  const { ask, folder } = await stage(t)
  const old = await ask('/reports-index')
  const tag = old.headers.etag as string
  t.match((await ask(`/reports-index/changes?since=${encodeURIComponent(tag)}`)).json(), {
    upserted: [],
    removed: []
  })
  plant(folder, { 'a/one.md': '# Uno', 'b/new.md': '# New' })
  const { etag } = (
    await ask(
      post({
        paths: [
          { base: 'a', rel: 'one.md' },
          { base: 'b', rel: 'new.md' }
        ]
      })
    )
  ).json()
  const now = await ask('/reports-index')
  for (const since of [tag, tag.replaceAll('"', ''), tag.replace(/"$/, '-br"'), `W/${tag}`]) {
    const answer = await ask(`/reports-index/changes?since=${encodeURIComponent(since)}`)
    const changes = answer.json()
    t.match(changes, { from: tag.replaceAll('"', ''), to: etag, removed: [], upserted: [{}, {}] }, since)
    t.strictSame(withChanges(old.json().reports, changes), now.json().reports)
    const again = {
      url: `/reports-index/changes?since=${encodeURIComponent(since)}`,
      headers: { 'if-none-match': answer.headers.etag as string }
    }
    t.equal((await ask(again)).statusCode, 304)
    const head = await ask({ ...again, method: 'HEAD' })
    t.match(head, { statusCode: 304, headers: { etag: answer.headers.etag } })
    t.equal(head.headers['content-length'], undefined)
  }
  for (const since of ['nonsense', '"', 'f'.repeat(64), '"*"']) {
    const answer = await ask(`/reports-index/changes?since=${encodeURIComponent(since)}`)
    t.match(answer.json(), { statusCode: 410, code: 'RI_ERR_TAG_GONE' }, since)
  }
})

t.test('changes of a listing that another process wrote are known once it was seen', async (t) => {
  const { ask, folder } = await stage(t)
  const tag = ((await ask('/reports-index')).headers.etag as string).replaceAll('"', '')
  const other = fastify()
  await other.register(app, { settings: settingsFor(folder, ['a', 'b']), alone: true })
  t.teardown(() => other.close())
  await other.ready()
  plant(folder, { 'b/new.md': '# New' })
  t.equal((await other.inject(post())).statusCode, 200)
  t.match((await ask(`/reports-index/changes?since=${tag}`)).json(), {
    upserted: [{ rel: 'new.md' }],
    removed: []
  })
})

t.test('news come at once, and on every change', async (t) => {
  const { ask, folder, url } = await stage(t)
  const stream = await open(t, url)
  t.match(stream.answer.headers, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no'
  })
  t.equal(stream.answer.headers['content-encoding'], undefined)
  const { etag } = (await ask('/health')).json().manifest
  const first = await stream.next()
  t.match(first, { event: 'changed', id: etag })
  t.strictSame(JSON.parse(first.data), { etag, count: 2 })
  t.match(stream.text(), /^:.*\n\n/, 'a comment comes first')
  plant(folder, { 'a/three.md': '# Three' })
  const built = (await ask(post())).json()
  const second = await stream.next()
  t.match(second, { event: 'changed', id: built.etag })
  t.strictSame(JSON.parse(second.data), { etag: built.etag, count: 3 })
  await ask(post())
  plant(folder, { 'a/four.md': '# Four' })
  const last = (await ask(post())).json()
  t.equal((await stream.next()).id, last.etag, 'a build without a change is no news')
})

t.test('who is up to date is told nothing until the next change', async (t) => {
  const { ask, folder, url } = await stage(t)
  const { etag } = (await ask('/health')).json().manifest
  const streams = await Promise.all(
    [etag, `"${etag}"`, `"${etag}-gzip"`, 'an older one'].map((id) => open(t, url, { 'last-event-id': id }))
  )
  t.equal((await streams[3]?.next())?.id, etag)
  plant(folder, { 'a/three.md': '# Three' })
  const built = (await ask(post())).json()
  for (const stream of streams) t.equal((await stream.next()).id, built.etag)
})

t.test('a change by another process is told without being asked for', async (t) => {
  const { folder, url } = await stage(t)
  const stream = await open(t, url)
  await stream.next()
  const other = fastify()
  await other.register(app, { settings: settingsFor(folder, ['a', 'b']), alone: true })
  t.teardown(() => other.close())
  await other.ready()
  plant(folder, { 'b/new.md': '# New' })
  const { etag } = (await other.inject(post())).json()
  t.equal((await stream.next()).id, etag)
})

t.test('open streams do not keep the service from stopping', async (t) => {
  const { server, url } = await stage(t)
  const stream = await open(t, url)
  await stream.next()
  const ended = new Promise((resolve) => stream.answer.on('end', resolve))
  const began = performance.now()
  await Promise.all([server.close(), ended])
  t.ok(performance.now() - began < 5000)
  t.ok(stream.answer.complete, 'it ends, it does not break off')
})

t.test('HEAD tells the headers of a stream, and ends', async (t) => {
  const { url } = await stage(t)
  const answer = await fetch(`${url}/reports-index/events`, { method: 'HEAD' })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8')
})

t.test('a stream needs the token for reading, and says who may read it', async (t) => {
  const { url } = await stage(t, { readToken: 'r'.repeat(20), corsOrigins: 'https://dash.example' })
  t.equal((await fetch(`${url}/reports-index/events`)).status, 401)
  const stream = await open(t, url, {
    authorization: `Bearer ${'r'.repeat(20)}`,
    origin: 'https://dash.example'
  })
  t.match(stream.answer.headers, { 'access-control-allow-origin': 'https://dash.example', vary: /Origin/ })
})

class Pipe implements EventStream {
  written = ''
  writableLength = 0
  ended = false
  destroyed = false
  #onClose: () => void = () => {}

  write(text: string) {
    this.written += text
  }
  end() {
    this.ended = true
    this.#onClose()
  }
  destroy() {
    this.destroyed = true
    this.#onClose()
  }
  on(event: 'close' | 'error', listener: () => void) {
    if (event === 'close') this.#onClose = listener
  }
}

t.test('changes that come close together are told as one, the last', async (t) => {
  const clock = t.capture(globalThis, 'setTimeout', (run: () => void) => {
    gaps.push(run)
    return { unref() {} }
  })
  const gaps: (() => void)[] = []
  const followers = new Followers()
  const pipe = new Pipe()
  followers.changed({ etag: '1', count: 1 })
  followers.add(pipe, undefined)
  for (const etag of ['2', '3', '4', '1', '5']) followers.changed({ etag, count: 1 })
  for (const run of gaps.splice(0)) run()
  t.strictSame(
    [...pipe.written.matchAll(/^id: (.*)$/gm)].map(([, id]) => id),
    ['1', '5']
  )
  followers.changed({ etag: '6', count: 1 })
  t.match(pipe.written, /id: 6/, 'after a pause at once again')
  t.ok(clock().length >= 2)
  followers.stop()
})

t.test('a client that does not read is dropped', async (t) => {
  const comments: (() => void)[] = []
  t.capture(globalThis, 'setInterval', (run: () => void) => {
    comments.push(run)
    return {} as NodeJS.Timeout
  })
  const followers = new Followers()
  const [slow, full, good] = [new Pipe(), new Pipe(), new Pipe()]
  for (const pipe of [slow, full, good]) followers.add(pipe, undefined)
  const [comment] = comments as [() => void]
  t.equal(comments.length, 1)
  slow.writableLength = 1
  comment()
  t.notOk(slow.destroyed, 'it may lag once')
  comment()
  t.ok(slow.destroyed)
  full.writableLength = 100_000
  followers.changed({ etag: '1', count: 1 })
  t.ok(full.destroyed)
  t.notOk(good.destroyed)
  t.equal(good.written.match(/^:/gm)?.length, 3)
  t.equal(followers.size, 1)
  followers.stop()
  t.ok(good.ended)
  const late = new Pipe()
  followers.add(late, undefined)
  t.ok(late.ended)
})

t.test('who has gone before the stream begins takes no place', async (t) => {
  const { url, ask, manifest } = await stage(t)
  const other = fs.readFileSync(manifest)
  for (let round = 0; round < 40; round++) {
    // Looked at anew, so that the stream begins later than the request.
    fs.writeFileSync(`${manifest}.new`, other)
    fs.renameSync(`${manifest}.new`, manifest)
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET /reports-index/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, round % 4))
    socket.resetAndDestroy()
  }
  await until(async () => /^reports_index_event_streams 0$/m.test((await ask('/metrics')).body))
  const gone = new Pipe()
  gone.destroyed = true
  const followers = new Followers()
  followers.add(gone, undefined)
  t.equal(followers.size, 0)
})

t.test('a stream ends after a while, since kernels read for who does not', async (t) => {
  const comments: (() => void)[] = []
  t.capture(globalThis, 'setInterval', (run: () => void) => {
    comments.push(run)
    return {} as NodeJS.Timeout
  })
  let now = 0
  t.capture(performance, 'now', () => now)
  const followers = new Followers()
  const pipe = new Pipe()
  followers.add(pipe, undefined)
  now = 14 * 60_000
  comments[0]?.()
  t.notOk(pipe.ended)
  now = 31 * 60_000
  comments[0]?.()
  t.ok(pipe.ended)
  t.equal(followers.size, 0)
})

t.test('nothing is written to a stream once the service stops', async (t) => {
  const comments: (() => void)[] = []
  t.capture(globalThis, 'setInterval', (run: () => void) => {
    comments.push(run)
    return {} as NodeJS.Timeout
  })
  const followers = new Followers()
  const [good, slow] = [new Pipe(), new Pipe()]
  followers.add(good, undefined)
  followers.add(slow, undefined)
  slow.writableLength = 1
  followers.stop()
  const written = good.written + slow.written
  followers.changed({ etag: '1', count: 1 })
  comments[0]?.()
  t.equal(good.written + slow.written, written)
  t.ok(good.ended)
  t.ok(slow.destroyed, 'who does not read would keep the service waiting')
})

t.test('more streams than there is room for are refused', async (t) => {
  const followers = new Followers()
  for (let i = 0; i < 250; i++) {
    followers.checkRoom()
    followers.add(new Pipe(), undefined)
  }
  t.throws(() => followers.checkRoom(), { code: 'RI_ERR_BUSY' })
  followers.stop()
})

/** A proxy that can be told to break its connections, and to refuse new ones. */
async function flakyProxy(
  t: Test,
  target: () => number
): Promise<{ url: string; breakAll(): void; isOpen: boolean }> {
  const sockets = new Set<net.Socket>()
  const proxy = { url: '', isOpen: true, breakAll: () => sockets.forEach((socket) => socket.destroy()) }
  const server = net.createServer((client) => {
    if (!proxy.isOpen) {
      client.destroy()
      return
    }
    const upstream = net.connect(target(), '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client]
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.breakAll()
    server.close()
  })
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}

const aStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      name: fc.constantFrom('1', '2', '3', '4', '5'),
      title: fc.constantFrom('X', 'Y', 'Z')
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      name: fc.constantFrom('1', '2', '3', '4', '5')
    })
  },
  fc.record({ do: fc.constantFrom('drop' as const, 'restart' as const, 'wait' as const) })
)

t.test('who follows changes and events ends at the listing that is served, whatever breaks', async (t) => {
  for (const steps of rounds(t, fc.array(aStep, { minLength: 3, maxLength: 12 }), dose(6, 60))) {
    const folder = scratch(t, { 'a/0.md': '# Zero' })
    const settings = settingsFor(folder, ['a'])
    const start = async () => {
      const server = fastify({ forceCloseConnections: true })
      await server.register(app, { settings, alone: true })
      await server.listen({ port: 0 })
      return server
    }
    let server = await start()
    const proxy = await flakyProxy(t, () => (server.server.address() as AddressInfo).port)
    const client = new ReportsIndexClient({ baseUrl: proxy.url })
    const stop = new AbortController()
    let last: { etag: string; reports: readonly object[] } | undefined
    const following = (async () => {
      for await (const listing of client.follow({ signal: stop.signal })) last = listing
    })()
    following.catch(() => {})
    for (const step of steps) {
      if (step.do === 'write') plant(folder, { [`a/${step.name}.md`]: `# ${step.title}` })
      if (step.do === 'remove') fs.rmSync(`${folder}/a/${step.name}.md`, { force: true })
      if (step.do === 'write' || step.do === 'remove')
        await server.inject(post({ paths: [{ base: 'a', rel: `${step.name}.md` }] }))
      if (step.do === 'drop') proxy.breakAll()
      if (step.do === 'wait') await new Promise((resolve) => setTimeout(resolve, 30))
      if (step.do === 'restart') {
        proxy.isOpen = false
        proxy.breakAll()
        await server.close()
        server = await start()
        proxy.isOpen = true
      }
    }
    const served = (await server.inject('/reports-index')).json()
    const { etag } = (await server.inject('/health')).json().manifest
    await until(() => last?.etag === etag)
    t.strictSame(last?.reports, served.reports, JSON.stringify(steps))
    stop.abort()
    await t.rejects(following, { name: 'AbortError' })
    await server.close()
  }
})
