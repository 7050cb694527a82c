import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { dose } from '../dose.js'
import { plant, Service, scratch, until } from '../support.js'

async function stage(t: Test, reports = 1) {
  const folder = scratch(t, { 'a/': '' })
  plant(
    folder,
    Object.fromEntries(Array.from({ length: reports }, (_, i) => [`a/${i}.md`, `# ${'x'.repeat(200)} ${i}`]))
  )
  const service = await Service.start([
    '--base',
    `a=${folder}/a`,
    '--manifest',
    `${folder}/s/m.json`,
    '--refresh',
    '0'
  ])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const open = (...requests: string[]) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    socket.write(requests.join(''))
    return socket
  }
  return { service, open }
}

const closed = (socket: Socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()))

async function answerOf(socket: Socket): Promise<{ head: string; body: unknown }> {
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  await until(() => /\r\n\r\n.*\}$/s.test(text))
  const [head = '', body = ''] = text.split('\r\n\r\n')
  socket.destroy()
  return { head, body: JSON.parse(body) }
}

t.test('who sends more and more requests without reading costs little, and holds nobody up', async (t) => {
  const { service, open } = await stage(t)
  const request = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const before = memoryOf(service)
  const floods = Array.from({ length: 60 }, () => open(request.repeat(1300)).pause())
  for (let i = 0; i < 20; i++) t.equal((await fetch(`${service.url}/health`)).status, 200)
  const grown = memoryOf(service) - before
  t.ok(grown < 300, `it has grown by ${grown} MiB`)
  for (const socket of floods) socket.destroy()
  const began = performance.now()
  t.equal(await service.stop(), 0)
  t.ok(performance.now() - began < 3000, `it took ${performance.now() - began} ms to stop`)
})

function memoryOf({ child: { pid } }: Service): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

t.test('some requests at once on a connection are all answered', async (t) => {
  const { open } = await stage(t)
  let text = ''
  open('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100)).on(
    'data',
    (data: Buffer) => (text += data.toString())
  )
  await until(() => text.split('HTTP/1.1 200').length === 101)
  t.pass('all of them')
})

t.test(
  'a client that takes nothing of its answer is dropped, one that takes its time is not',
  { skip: dose(1, 0) === 1 && 'takes two minutes: npm run test:full' },
  async (t) => {
    const { service, open } = await stage(t, 5000)
    const { length } = Buffer.from(await (await fetch(`${service.url}/reports-index`)).arrayBuffer())
    // More than the kernel takes off the service's hands.
    const requests = 'GET /reports-index HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(60)
    const stalled = open(requests).pause()
    const slow = open(requests)
    slow.on('readable', () => {}) // what is not read is left where it is
    let taken = 0
    const reading = setInterval(() => {
      const bytes = slow.read() as Buffer | null
      taken += bytes?.length ?? 0
    }, 100)
    t.teardown(() => clearInterval(reading))
    const waiting = service.rebuild({ mode: 'full' })
    await sleep(130_000)
    const before = taken
    const ended = closed(stalled)
    stalled.resume()
    await ended
    t.ok(stalled.bytesRead < 55 * length, `it was given ${stalled.bytesRead} of ${60 * length} bytes`)
    t.ok(before < 55 * length, `the other one was still taking its time: ${before} bytes`)
    clearInterval(reading)
    slow.removeAllListeners('readable')
    slow.on('data', (data: Buffer) => (taken += data.length)).resume()
    await until(() => taken > 60 * length)
    t.match(await waiting, { count: 5000 })
  }
)

t.test('what is refused before it is routed has the shape of all errors', async (t) => {
  const { open } = await stage(t)
  const cases: [string, number, RegExp][] = [
    ['GET /health HTTP/1.1\r\n\r\n', 400, /^RI_ERR_NO_HOST$/],
    ['GET /health HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n', 417, /^RI_ERR_EXPECTATION$/],
    ['GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, /^FST_ERR_BAD_URL$/],
    [
      `GET /rebuild/${'x'.repeat(300)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      414,
      /^FST_ERR_MAX_PARAM_LENGTH$/
    ],
    [
      `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      /^HPE_HEADER_OVERFLOW$/
    ],
    ['NONSENSE\r\n\r\n', 400, /^HPE_/]
  ]
  for (const [request, statusCode, code] of cases) {
    const { head, body } = await answerOf(open(request))
    t.match(head, `HTTP/1.1 ${statusCode}`)
    t.match(body, { statusCode, code, error: String, message: String }, request.slice(0, 40))
  }
  const old = open('GET /health HTTP/1.0\r\n\r\n')
  t.match((await answerOf(old)).head, 'HTTP/1.1 200', 'HTTP/1.0 knows no Host')
})
