import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { packageRoot } from '../../src/surroundings.js'
import { plant, run, Service, scratch, until } from '../support.js'

const EXAMPLE = join(packageRoot, 'examples/flask-dashboard')

/** A Python that has what the dashboard needs; the system's may have it where another one stands before it. */
const python = ['python3', '/usr/bin/python3'].find((name) => {
  try {
    execFileSync(name, ['-c', 'import flask, gunicorn'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

interface Page {
  status: number
  text: string
  source: string | null
  etag: string | null
}

async function dashboard(
  t: Test,
  env: NodeJS.ProcessEnv
): Promise<(headers?: Record<string, string>) => Promise<Page>> {
  const port = await freePort()
  const args = ['-m', 'gunicorn', '--workers', '2', '--bind', `127.0.0.1:${port}`, 'app:app']
  const child = spawn(python as string, args, {
    cwd: EXAMPLE,
    env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: '1' }
  })
  let log = ''
  child.stderr.on('data', (data: Buffer) => (log += data.toString()))
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.on('exit', resolve))
    if (child.kill()) await ended
  })
  const get = async (headers: Record<string, string> = {}) => {
    // A connection of its own each time, so that both workers are asked.
    const answer = await fetch(`http://127.0.0.1:${port}/reports`, {
      headers: { ...headers, connection: 'close' }
    })
    const { status } = answer
    return {
      status,
      text: await answer.text(),
      source: answer.headers.get('listing-source'),
      etag: answer.headers.get('etag')
    }
  }
  await until(async () => {
    if (child.exitCode !== null) throw new Error(log)
    return await get().then(
      () => true,
      () => false
    )
  })
  return get
}

const skip = python ? false : 'needs python3 with flask and gunicorn (Debian: python3-flask, gunicorn)'

t.test('a Flask dashboard is never stale, and outlives the service', { skip }, async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One \\<b>', 'a/two.md': '# Two' })
  const manifest = join(folder, 'state/m.json')
  const service = await Service.start(['--base', `a=${folder}/a`, '--manifest', manifest, '--refresh', '0'])
  t.teardown(() => service.stop())
  await service.rebuild()
  const page = await dashboard(t, { REPORTS_INDEX_URL: service.url, REPORTS_INDEX_MANIFEST: manifest })
  const first = await page()
  t.match(first, { status: 200, source: 'service', text: /2 reports[^]*One &lt;b&gt;/ })
  t.equal((await page({ 'if-none-match': first.etag as string })).status, 304)
  for (let i = 0; i < 10; i++) {
    plant(folder, { [`a/new-${i}.md`]: `# New ${i}` })
    await service.rebuild({ paths: [{ base: 'a', rel: `new-${i}.md` }] })
    for (const { text } of await Promise.all([page(), page(), page(), page()])) t.match(text, `New ${i}`)
  }
  await service.stop()
  const down = await Promise.all([page(), page(), page(), page()])
  for (const { status, source, text } of down) {
    t.equal(status, 200)
    t.equal(source, 'manifest')
    t.match(text, /12 reports[^]*does not answer[^]*New 9/)
  }
  const whole = fs.readFileSync(manifest)
  fs.writeFileSync(manifest, whole.toString().replace('New 9', 'New X'))
  for (const { source, text } of await Promise.all([page(), page(), page(), page()])) {
    t.equal(source, 'kept', 'a manifest that does not match its digest is not believed')
    t.match(text, 'New 9')
  }
})

/** What may answer in the service's place. */
const STRANGERS: [string, (answer: http.ServerResponse) => void][] = [
  [
    'an answer that breaks off',
    (answer) => {
      answer.writeHead(200, { 'content-length': 1000, etag: '"x"' }).write('{"total":')
      setTimeout(() => answer.destroy(), 20)
    }
  ],
  ['no HTTP', (answer) => answer.socket?.end('hello\r\n\r\n')],
  ['another JSON', (answer) => answer.writeHead(200, { etag: '"x"' }).end('{"reports":[]}')],
  ['JSON without a tag', (answer) => answer.end('{"reports":[1]}')],
  ['deep JSON', (answer) => answer.writeHead(200, { etag: '"x"' }).end('['.repeat(200_000))],
  ['a page', (answer) => answer.end('<h1>Welcome</h1>')],
  ['an error', (answer) => answer.writeHead(500).end('{}')],
  ['a redirect to a file', (answer) => answer.writeHead(302, { location: 'file:///etc/passwd' }).end()],
  [
    'drops',
    (answer) => {
      answer.writeHead(200, { etag: '"x"' })
      const timer = setInterval(() => answer.write(' '), 100)
      answer.on('close', () => clearInterval(timer))
    }
  ]
]

t.test('whatever answers in the place of the service, the manifest is read instead', { skip }, async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const manifest = join(folder, 'm.json')
  t.equal((await run(['build', '--base', `a=${folder}/a`, '--manifest', manifest])).code, 0)
  let stranger = STRANGERS[0]?.[1] as (answer: http.ServerResponse) => void
  const server = http.createServer((_request, answer) => stranger(answer))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
  const page = await dashboard(t, { REPORTS_INDEX_URL: url, REPORTS_INDEX_MANIFEST: manifest })
  for (const [name, answer] of STRANGERS) {
    stranger = answer
    t.match(await page(), { status: 200, source: 'manifest', text: /One/ }, name)
  }
  fs.rmSync(manifest)
  execFileSync('mkfifo', [manifest])
  t.match(await page(), { status: 200, source: 'kept' }, 'a FIFO is not waited for')
})

t.test('without any listing the dashboard says so', { skip }, async (t) => {
  const folder = scratch(t)
  const page = await dashboard(t, {
    REPORTS_INDEX_URL: 'http://127.0.0.1:1',
    REPORTS_INDEX_MANIFEST: join(folder, 'm.json')
  })
  t.match(await page(), { status: 503, text: /No reports at the moment/ })
})
