import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { dose, rounds } from '../dose.js'
import { childrenOf, Service, scratch, until } from '../support.js'

const HOST = 'Host: localhost\r\n'
const get = (path: string) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`

async function stage(t: Test) {
  const reports = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [
      `a/${i}-weekly-audit.md`,
      `# Report number ${i} of the weekly audit`
    ])
  )
  const folder = scratch(t, { ...reports, 'a/big.txt': 'big '.repeat(1 << 20), 'a/one.md': '# One' })
  const args = [
    '--base',
    `a=${folder}/a`,
    '--manifest',
    `${folder}/s/m.json`,
    '--refresh',
    '0',
    '--serve-reports'
  ]
  const service = await Service.start(args)
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const open = (text: string | Buffer) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.write(text)
    return socket
  }
  return { service, open }
}

/** All that comes until the connection ends, or nothing more does for a while. */
function answerTo(socket: Socket, quietMs = 300): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    let timer = setTimeout(end, 5000)
    function end() {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    socket.on('close', end).on('data', (data: Buffer) => {
      text += data.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(end, quietMs)
    })
  })
}

const statuses = (text: string) =>
  [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status))

/** A process at rest has some 25 descriptors open; each report that is left open would be one more. */
const MAX_FILES = 40

/** What a process holds. */
const filesOf = (pid: number | undefined) => readdirSync(`/proc/${pid}/fd`).length
const memoryOf = (pid: number | undefined) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
const processes = ({ child: { pid } }: Service) => [pid, ...childrenOf(pid)]

async function streams({ url }: Service): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^reports_index_event_streams (\d+)/m.exec(text)?.[1])
}

/** What hostile clients send, and break off. */
const ATTACKS: Record<string, string> = {
  'streams of events': get('/reports-index/events').repeat(250),
  'a stream behind a rebuild': `POST /rebuild HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n${get('/reports-index/events')}`,
  'reports behind a stream': get('/reports-index/events') + get('/reports/a/big.txt').repeat(250),
  'reports that are not read': get('/reports/a/big.txt').repeat(100),
  'pages of reports': Array.from({ length: 100 }, (_, i) =>
    get(`/reports/a/${i}-weekly-audit.md?view=rendered`)
  ).join(''),
  filters: Array.from({ length: 150 }, (_, i) => get(`/reports-index?q=weekly+report+a+${i}&limit=100`)).join(
    ''
  ),
  listings: get('/reports-index').repeat(250),
  metrics: get('/metrics').repeat(250),
  'changes that nobody knows': get('/reports-index/changes?since=x').repeat(250),
  'rebuilds without waiting': `POST /rebuild?wait=false HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`.repeat(
    50
  ),
  'a body that does not come': `POST /rebuild HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{`,
  'paths that are none': get(`/reports/${'a/'.repeat(100)}`).repeat(100),
  nonsense: 'NONSENSE\r\n\r\n'.repeat(100)
}

t.test('after hostile clients all is as it was before them', async (t) => {
  const { service, open } = await stage(t)
  const attack = async (text: string, waitMs: number) => {
    const socket = open(text).pause()
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    socket.resetAndDestroy()
  }
  const storm = async (count: number) => {
    for (let round = 0; round < count; round++)
      await Promise.all(Object.values(ATTACKS).map((text, i) => attack(text, ((round * 7 + i * 3) % 30) * 4)))
    await until(async () => (await streams(service)) === 0)
  }
  await storm(2) // all processes are there, all code is warm
  const memory = memoryOf(service.child.pid)
  await storm(dose(6, 100))
  await until(() => processes(service).every((pid) => filesOf(pid) < MAX_FILES))
  t.pass('each process holds what it holds at rest')
  const grown = memoryOf(service.child.pid) - memory
  t.ok(grown < 120, `it has grown by ${Math.round(grown)} MiB`)
  const began = performance.now()
  for (const path of [
    '/health',
    '/reports-index?q=audit',
    '/reports/a/big.txt',
    '/reports/a/one.md?view=rendered'
  ])
    t.ok((await (await fetch(service.url + path)).arrayBuffer()).byteLength > 10, path)
  t.match(await service.rebuild(), { count: 302 })
  const stream = open(get('/reports-index/events'))
  let news = ''
  stream.on('data', (data: Buffer) => (news += data.toString()))
  await until(() => /event: changed/.test(news))
  t.ok(performance.now() - began < 5000, 'others are served as ever')
  stream.destroy()
  const stopping = performance.now()
  t.equal(await service.stop(), 0)
  t.ok(performance.now() - stopping < 2000, `it took ${Math.round(performance.now() - stopping)} ms to stop`)
  t.notMatch(service.stderr, /"level":50/, 'nothing of it is an error of the service')
})

t.test('health is answered, and a stop is a stop, while many connections flood it', async (t) => {
  const { service, open } = await stage(t)
  const floods = Array.from({ length: dose(100, 200) }, () => open(get('/metrics').repeat(250)).pause())
  const began = performance.now()
  t.match(
    await answerTo(open(get('/health').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))),
    'HTTP/1.1 200'
  )
  t.ok(performance.now() - began < 5000, `health took ${Math.round(performance.now() - began)} ms`)
  const stopping = performance.now()
  t.equal(await service.stop(), 0)
  t.ok(
    performance.now() - stopping < 10_000,
    `it took ${Math.round(performance.now() - stopping)} ms to stop`
  )
  for (const socket of floods) socket.destroy()
})

t.test('what could be read in two ways is refused, and nothing behind it is answered', async (t) => {
  const { open } = await stage(t)
  const post = (headers: string, body = '') => `POST /rebuild HTTP/1.1\r\n${HOST}${headers}\r\n\r\n${body}`
  const behind = get('/smuggled')
  const refused: [name: string, request: string, status: number][] = [
    ['two lengths', post('Content-Length: 0\r\nContent-Length: 5'), 400],
    ['a list of lengths', post('Content-Length: 0, 0'), 400],
    ['a signed length', post('Content-Length: +0'), 400],
    ['a hexadecimal length', post('Content-Length: 0x0'), 400],
    ['length and chunks', post('Content-Length: 4\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
    ['chunks and length', post('Transfer-Encoding: chunked\r\nContent-Length: 4', '0\r\n\r\n'), 400],
    ['another coding', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), 501],
    ['another coding, last', post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n'), 400],
    ['an unknown coding', post('Transfer-Encoding: xchunked', '0\r\n\r\n'), 400],
    ['blanks before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n'), 400],
    ['a folded header', post('X: a\r\n b'), 400],
    ['a bare line feed', `GET /health HTTP/1.1\n${HOST}\n\n`, 400],
    ['a NUL in a header', `GET /health HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400],
    ['a bad size of a chunk', post('Transfer-Encoding: chunked', 'z\r\n\r\n'), 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400]
  ]
  for (const [name, request, status] of refused) {
    const found = statuses(await answerTo(open(Buffer.from(request + behind, 'latin1'))))
    t.strictSame(found, [status], name)
  }
})

t.test('targets and hosts mean one thing, or nothing', async (t) => {
  const { open } = await stage(t)
  const cases: [name: string, request: string, status: number][] = [
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', `GET /health HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
    ['two Hosts, another way', `GET /health HTTP/1.1\r\n${HOST}HOST: evil.example\r\n\r\n`, 400],
    ['another name', 'GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n', 403],
    ['a name below localhost', 'GET /health HTTP/1.1\r\nHost: a1.localhost\r\n\r\n', 403],
    ['another name in the target', `GET http://evil.example/health HTTP/1.1\r\n${HOST}\r\n`, 403],
    [
      'the name in the target counts',
      'GET http://localhost/health HTTP/1.1\r\nHost: evil.example\r\n\r\n',
      200
    ],
    ['a target without a path', `GET http://localhost HTTP/1.1\r\n${HOST}\r\n`, 200],
    ['a target with a query alone', `GET http://localhost?q=x HTTP/1.1\r\n${HOST}\r\n`, 200],
    ['credentials in the target', `GET http://localhost@evil.example/ HTTP/1.1\r\n${HOST}\r\n`, 403],
    ['a target of another scheme', `GET ftp://localhost/health HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['all of it', `GET * HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['the methods of all of it', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 204],
    ['a path that is known by another method', `DELETE /health HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['HTTP/1.0 without a Host', 'GET /health HTTP/1.0\r\n\r\n', 200]
  ]
  for (const [name, request, status] of cases)
    t.strictSame(statuses(await answerTo(open(request), 150)), [status], name)
})

/** Pieces of which requests are made up. */
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...Object.values(ATTACKS).map((text) => text.slice(0, 400)),
      get('/'),
      get('/health')
    )
  },
  fc.constantFrom(
    '\r\n',
    '\n',
    '\0',
    ' ',
    ':',
    '0\r\n\r\n',
    'GET ',
    '/',
    ' HTTP/1.1',
    HOST,
    'Content-Length: 3\r\n'
  ),
  fc.constantFrom(
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: h2c\r\n'
  ),
  fc.string({ unit: 'binary', maxLength: 40 })
)

t.test('whatever bytes come, the service serves on and holds nothing', async (t) => {
  const { service, open } = await stage(t)
  const plans = fc.record({
    pieces: fc.array(piece, { minLength: 1, maxLength: 12 }),
    waitMs: fc.nat(10),
    isReset: fc.boolean()
  })
  const plays = rounds(t, plans, dose(300, 20_000))
  for (let i = 0; i < plays.length; i += 20) {
    await Promise.all(
      plays.slice(i, i + 20).map(async ({ pieces, waitMs, isReset }) => {
        const socket = open(Buffer.from(pieces.join(''))).resume()
        await new Promise((resolve) => setTimeout(resolve, waitMs))
        if (isReset) socket.resetAndDestroy()
        else socket.destroy()
      })
    )
  }
  await until(async () => (await streams(service)) === 0)
  t.equal((await service.health()).status, 'ok')
  t.match(await service.rebuild(), { count: 302 })
  t.notMatch(service.stderr, /"level":50/)
  t.equal(await service.stop(), 0)
})

t.test('whatever a rebuild names, it is refused or the listing stays what is on disk', async (t) => {
  const { service } = await stage(t)
  const listed = await service.listing()
  const rel = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      'one.md',
      'x\ud800.md',
      'x\udfff',
      '../a/one.md',
      './one.md',
      '/etc/passwd',
      'a\0b',
      '_state/x.md',
      '.x.md',
      ''
    ),
    fc
      .array(fc.constantFrom('..', '.', 'a', '', 'one.md', '\ud800'), { maxLength: 6 })
      .map((parts) => parts.join('/'))
  )
  const json = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        paths: fc.array(fc.record({ base: fc.constantFrom('a', 'b', ''), rel }), { maxLength: 5 })
      })
    },
    {
      weight: 3,
      arbitrary: fc.record({ paths: fc.array(fc.record({ base: fc.constant('a'), rel }), { maxLength: 3 }) })
    },
    fc.jsonValue({ maxDepth: 4 }),
    fc.record(
      { mode: fc.jsonValue(), paths: fc.jsonValue(), acceptRemovals: fc.jsonValue() },
      { requiredKeys: [] }
    )
  )
  const bodies = fc.oneof(
    { weight: 4, arbitrary: json.map((value) => JSON.stringify(value)) },
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.constantFrom(
      '{"__proto__":{}}',
      '{"constructor":{"prototype":{}}}',
      '['.repeat(20_000),
      '{"paths":[{"base":"a","rel":"\\ud800"}]}',
      '1e999'
    )
  )
  const odd: string[] = []
  for (const body of rounds(t, bodies, dose(150, 5000))) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${service.url}/rebuild`, { method: 'POST', headers, body })
    const text = await answer.text()
    if (![200, 400].includes(answer.status)) odd.push(`${answer.status} ${body} ${text}`)
  }
  t.strictSame(odd, [])
  const { reports, total } = await service.listing()
  t.equal(total, listed.total)
  t.strictSame(reports, listed.reports)
  t.notMatch(service.stderr, /"level":50/)
})
