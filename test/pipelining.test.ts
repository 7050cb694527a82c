import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { ConnectionError } from 'fastify'
import t, { type Test } from 'tap'
import { clientErrorAnswer } from '../src/client-errors.js'
import { Connections } from '../src/connections.js'
import { FairQueue } from '../src/services/fair-queue.js'
import { dose, rounds } from './dose.js'
import { until } from './support.js'

type Handler = (request: IncomingMessage, answer: ServerResponse) => void

/** A server that is watched, with a handler of the test's. */
async function stage(t: Test, handler: Handler) {
  const server = createServer(handler)
  const connections = new Connections(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  const open = (...requests: string[]) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    socket.write(requests.join(''))
    return socket
  }
  return { server, connections, open, port }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`

function textOf(socket: Socket): () => string {
  const parts: Buffer[] = []
  socket.on('data', (data: Buffer) => parts.push(data))
  return () => Buffer.concat(parts).toString('latin1')
}

t.test('whatever is pipelined is answered, in order', async (t) => {
  const { open } = await stage(t, ({ url }, answer) => {
    // Some are quick, some take a while, some are large.
    const body = `${url} `.repeat(url?.endsWith('7') ? 5000 : 1)
    if (url?.endsWith('3')) setTimeout(() => answer.end(body), 1)
    else answer.end(body)
  })
  const count = dose(3000, 50_000)
  const text = textOf(open(...Array.from({ length: count }, (_, i) => get(`/${i}`))))
  await until(() => text().includes(`\r\n/${count - 1} `), 120_000)
  const paths = [...text().matchAll(/\r\n\r\n\/(\d+) /g)].map(([, path]) => Number(path))
  t.strictSame(
    paths,
    Array.from({ length: count }, (_, i) => i)
  )
})

t.test('bodies between pipelined requests are read', async (t) => {
  const { open } = await stage(t, (request, answer) => {
    let length = 0
    request.on('data', (data: Buffer) => (length += data.length)).on('end', () => answer.end(`${length}.`))
  })
  const bodies = Array.from({ length: 40 }, (_, i) => 'x'.repeat(i * i * i))
  const text = textOf(
    open(
      ...bodies.map((body) => `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    )
  )
  await until(() => text().endsWith(`${39 ** 3}.`))
  t.equal(text().match(/HTTP\/1\.1 200/g)?.length, 40)
})

t.test('at most 8 answers are under way on a connection, and others are not held up', async (t) => {
  const begun: ServerResponse[] = []
  const { open } = await stage(t, ({ url }, answer) => {
    if (url === '/quick') answer.end('quick')
    else begun.push(answer)
  })
  open(get('/').repeat(1000))
  const other = textOf(open(get('/quick')))
  await until(() => other().endsWith('quick'))
  await until(() => begun.length === 8)
  await sleep(50)
  t.equal(begun.length, 8)
  begun.shift()?.end()
  await until(() => begun.length === 8)
  t.equal(begun.length, 8, 'as one ends, the next one begins')
})

t.test('no further answer is begun while much of the earlier ones is not taken', async (t) => {
  let begun = 0
  const { open } = await stage(t, (_request, answer) => {
    begun++
    answer.end(Buffer.alloc(8 << 20))
  })
  const socket = open(get('/').repeat(20)).pause()
  await until(() => begun > 0)
  await sleep(100)
  t.equal(begun, 1)
  let length = 0
  socket.on('data', (data: Buffer) => (length += data.length)).resume()
  await until(() => length > 20 * (8 << 20))
  t.equal(begun, 20, 'all of them, once they are taken')
})

/** How a handler treats an answer. */
const treatments = fc.constantFrom('end', 'endLater', 'write', 'stream', 'nothing', 'destroy')

t.test('every answer closes exactly once, and its connection with all of them', async (t) => {
  const plans = fc.record({
    treatments: fc.array(treatments, { minLength: 1, maxLength: 40 }),
    waitMs: fc.nat(8)
  })
  const closes = new Map<ServerResponse, number>()
  let plan: string[] = []
  const { open, connections, server } = await stage(t, ({ url }, answer) => {
    closes.set(answer, 0)
    answer.on('close', () => closes.set(answer, (closes.get(answer) ?? 0) + 1)).on('error', () => {})
    const treatment = plan[Number(url?.slice(1))]
    if (treatment === 'end') answer.end('x')
    if (treatment === 'endLater') setTimeout(() => answer.end('x'.repeat(100_000)), 2)
    if (treatment === 'write') answer.write('x')
    if (treatment === 'stream') for (let i = 0; i < 100; i++) answer.write('x'.repeat(10_000))
    if (treatment === 'destroy') answer.destroy()
  })
  for (const { treatments, waitMs } of rounds(t, plans, dose(60, 3000))) {
    plan = treatments
    closes.clear()
    const socket = open(...treatments.map((_, i) => get(`/${i}`)))
    await until(() => closes.size > 0)
    await sleep(waitMs)
    socket.resetAndDestroy()
    await until(async () => (await count(server)) === 0)
    await until(() => [...closes.values()].every((times) => times > 0), 5000)
    await sleep(3) // whoever closes it again does so by now
    if (![...closes.values()].every((times) => times === 1))
      t.fail(`${treatments.join(' ')} after ${waitMs} ms`)
  }
  const began = performance.now()
  await connections.finish()
  t.ok(performance.now() - began < 1000, 'nobody is waited for')
})

function count(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, connections) => resolve(connections)))
}

t.test('what waits for a client that has gone is not made', async (t) => {
  let begun = 0
  const { open, server } = await stage(t, () => begun++)
  const sockets = Array.from({ length: 10 }, () => open(get('/').repeat(500)))
  await until(() => begun === 80)
  for (const socket of sockets) socket.resetAndDestroy()
  // More waits than is read ahead, so a connection is not read all the time: it is looked at once a second.
  await until(async () => (await count(server)) === 0, 10_000)
  t.equal(begun, 80)
})

t.test('where too much waits, the connection that has most of it is closed', async (t) => {
  const { open, server } = await stage(t, ({ url }, answer) => {
    if (url === '/quick') answer.end('quick')
  })
  const greedy = Array.from({ length: 30 }, () => open(get('/').repeat(1500)))
  const modest = open(get('/').repeat(20))
  let isClosed = false
  modest.on('close', () => (isClosed = true))
  await until(async () => {
    const connections = await count(server)
    return connections < 25 && connections > 5
  })
  const text = textOf(open(get('/quick')))
  await until(() => text().endsWith('quick'))
  t.notOk(isClosed, 'who asks little is not closed')
  for (const socket of greedy) socket.destroy()
})

t.test('a process ends with 0 whatever its event loop is busy with', async (t) => {
  const main = new URL('../src/commands/last-resort.js', import.meta.url).href
  const loops = [
    'for (;;) {}',
    'const f = () => process.nextTick(f); f()',
    `/^(a+)+$/.test('a'.repeat(40) + 'b')`
  ]
  for (const loop of loops) {
    const code = `import { endAfter } from ${JSON.stringify(main)}; endAfter(200); ${loop}`
    const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', code])
    t.teardown(() => child.kill('SIGKILL'))
    t.equal(await new Promise((resolve) => child.on('exit', (code, by) => resolve(code ?? by))), 0, loop)
  }
})

/** A server that answers what cannot be read as the service does. */
async function failing(t: Test, handler: Handler) {
  const made = await stage(t, handler)
  made.server.on('clientError', (error: ConnectionError, socket: Socket) =>
    made.connections.fail(socket, clientErrorAnswer(error))
  )
  return made
}

const statusesIn = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status))
const LAST = 'GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

t.test(
  'what cannot be read is answered behind all that was asked before, and in the place of none',
  async (t) => {
    const { open } = await failing(t, ({ url }, answer) => {
      if (url === '/slow') setTimeout(() => answer.end('slow'), 50)
      else answer.end('quick')
    })
    const shapes: [string, string[], number[]][] = [
      ['alone', ['X\r\n\r\n'], [400]],
      ['behind quick ones', [get('/1'), get('/2'), get('/3'), 'X\r\n\r\n'], [200, 200, 200, 400]],
      ['behind one that takes a while', [get('/slow'), 'X\r\n\r\n'], [200, 400]],
      [
        'behind more than may be under way',
        [...Array(20).fill(get('/slow')), 'X\r\n\r\n'],
        [...Array(20).fill(200), 400]
      ],
      [
        'headers that are too large',
        [get('/slow'), `GET / HTTP/1.1\r\nA: ${'a'.repeat(40_000)}\r\n\r\n`],
        [200, 431]
      ],
      [
        'a body that is longer than it says',
        [`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}??`],
        [200, 400]
      ],
      ['a request behind the last one', [get('/slow'), LAST, get('/more')], [200, 200]],
      [
        'a body that breaks off',
        ['POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n'],
        [200]
      ]
    ]
    for (const [what, requests, statuses] of shapes) {
      const socket = open(...requests)
      const text = textOf(socket)
      await new Promise((resolve) => socket.once('close', resolve))
      t.strictSame(statusesIn(text()), statuses, what)
    }
  }
)

t.test('nothing is written into an answer that is being sent', async (t) => {
  const body = 'b'.repeat(2_000_000)
  const { open } = await failing(t, ({ url }, answer) => {
    if (url === '/stream') {
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write('first')
      setTimeout(() => answer.end('last'), 100)
    } else answer.end(body)
  })
  for (const [path, end] of [
    ['/large', 'bbb'],
    ['/stream', 'last\r\n0\r\n\r\n']
  ] as const) {
    const socket = open(get(path), 'X\r\n\r\n')
    const text = textOf(socket)
    await new Promise((resolve) => socket.once('close', resolve))
    const [first = '', ...more] = text().split('HTTP/1.1 400')
    t.ok(first.endsWith(end), `${path}: the answer first`)
    t.equal(more.length, 1, 'then the last one')
  }
})

t.test(
  'who asks for little is not refused where another one has asked for all that there is room for',
  async (t) => {
    const queue = new FairQueue({ atOnce: 1, maxWaiting: 4, what: 'questions' })
    const asker = () => ({ caller: {}, signal: new AbortController().signal })
    const [many, one] = [asker(), asker()]
    let open = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const order: string[] = []
    const ask = (who: typeof many, name: string) =>
      queue.run(who, async () => {
        await gate
        order.push(name)
      })
    const asked = Array.from({ length: 5 }, (_, i) =>
      ask(many, `many ${i}`).catch(({ code }: Busied) => code)
    )
    const honest = ask(one, 'one')
    t.equal(await asked[4], 'RI_ERR_BUSY', 'the last of who has asked for most')
    await t.rejects(ask(many, 'more'), { code: 'RI_ERR_BUSY' })
    open()
    await Promise.all([...asked, honest])
    t.strictSame(order, ['many 0', 'many 1', 'one', 'many 2', 'many 3'])
  }
)

type Busied = { code: string }
