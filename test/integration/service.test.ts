import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openManifest } from '../../src/services/open-manifest.js'
import { digestIn } from '../../src/services/tag.js'
import { CLI, childrenOf, hasStrace, plant, run, Service, scratch, until } from '../support.js'

function stage(t: Test, files: Record<string, string> = { 'a/one.md': '# One', 'b/two.md': '# Two' }) {
  const folder = scratch(t, { 'a/': '', 'b/': '' })
  plant(folder, files)
  const manifest = join(folder, 's/m.json')
  const args = [
    '--base',
    `a=${join(folder, 'a')}`,
    '--base',
    `b=${join(folder, 'b')}`,
    '--manifest',
    manifest,
    '--refresh',
    '0'
  ]
  const start = async (...more: string[]) => {
    const service = await Service.start([...args, ...more])
    t.teardown(() => service.stop('SIGKILL'))
    return service
  }
  return { folder, manifest, args, start }
}

const many = (count: number, title = 'T') =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`a/${i % 40}/${i}.md`, `# ${title} ${i}\n${'x'.repeat(2000)}`])
  )

t.test('a killed service serves the manifest at its next start, before any scan', async (t) => {
  const { start, folder, manifest } = stage(t)
  const first = await start()
  await first.rebuild()
  const listing = await first.listing()
  t.equal(await first.stop('SIGKILL'), 'SIGKILL')
  fs.rmSync(join(folder, 'a'), { recursive: true })
  fs.rmSync(join(folder, 'b'), { recursive: true })
  const second = await start()
  t.equal((await fetch(`${second.url}/ready`)).status, 200)
  t.strictSame(await second.listing(), listing)
  await second.rebuild()
  t.strictSame(await second.listing(), listing, 'and the last known reports stay')
  t.match(await second.health(), {
    status: 'degraded',
    bases: [{ status: 'unavailable' }, { status: 'unavailable' }]
  })
  t.ok(openManifest(fs.readFileSync(manifest)))
})

t.test('a builder that is killed at any moment leaves a whole manifest, and is started anew', async (t) => {
  const { start, manifest, folder } = stage(t, many(400))
  const service = await start()
  await service.rebuild()
  for (let round = 0; round < 10; round++) {
    plant(folder, many(400, `round ${round}`))
    const rebuilding = service.rebuild({ mode: 'full' }).catch((error: { status: number }) => error)
    await sleep(round * 12)
    for (const pid of childrenOf(service.child.pid)) process.kill(pid, 'SIGKILL')
    const answer = await rebuilding
    t.notOk('status' in answer, 'it is started anew for the same request')
    t.ok(openManifest(fs.readFileSync(manifest)), `round ${round}: the old or the new one, whole`)
    t.equal((await service.listing()).count, 400)
  }
  await service.rebuild()
  t.match((await service.listing()).reports[0]?.title, /round 9/)
  t.strictSame(
    fs.readdirSync(join(folder, 's')),
    ['.m.json.lock', 'm.json', 'm.status.json'],
    'leftovers are swept'
  )
})

t.test('a service that is killed under a build takes its builder along', async (t) => {
  const { start } = stage(t, many(400))
  const service = await start()
  const [builder] = await (async () => {
    await until(() => childrenOf(service.child.pid).length > 0)
    return childrenOf(service.child.pid)
  })()
  void service.rebuild({ mode: 'full' }).catch(() => {})
  await service.stop('SIGKILL')
  await until(() => !fs.existsSync(`/proc/${builder}`))
  t.pass('it is gone')
})

t.test(
  'what is written before a rebuild is in every listing after its answer, in every process',
  async (t) => {
    const { start, folder } = stage(t)
    const services = await Promise.all([start(), start(), start()])
    await Promise.all(services.map((service) => service.rebuild()))
    const polling = new AbortController()
    const statuses = new Set<number>()
    const pollers = services.map(async ({ url }) => {
      while (!polling.signal.aborted) {
        const answer = await fetch(`${url}/reports-index`)
        statuses.add(answer.status)
        JSON.parse(await answer.text())
      }
    })
    for (let round = 0; round < 30; round++) {
      const rel = `round-${round}.md`
      plant(folder, { [`a/${rel}`]: `# Round ${round}` })
      const [writer, reader] = [services[round % 3], services[(round + 1) % 3]] as [Service, Service]
      const named = round % 2 === 0 ? { paths: [{ base: 'a', rel }] } : undefined
      const { etag } = await writer.rebuild(named)
      const answer = await fetch(`${reader.url}/reports-index`)
      t.equal(digestIn(answer.headers.get('etag') as string), etag, `round ${round}`)
      const { reports } = (await answer.json()) as { reports: { rel: string }[] }
      t.ok(reports.some((report) => report.rel === rel))
    }
    polling.abort()
    await Promise.all(pollers)
    t.strictSame([...statuses], [200])
  }
)

t.test('parallel rebuilds of several processes share builds, and all of them land', async (t) => {
  const { start, folder } = stage(t)
  const services = await Promise.all([start(), start()])
  plant(folder, many(60))
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) => (services[i % 2] as Service).rebuild())
  )
  for (const { count } of results) t.equal(count, 62)
  const etags = await Promise.all(
    services.map(async ({ url }) => (await fetch(`${url}/reports-index`)).headers.get('etag'))
  )
  t.equal(etags[0], etags[1])
})

t.test('a build of the command line is served by a running service at once', async (t) => {
  const { start, args, folder } = stage(t)
  const service = await start()
  await service.rebuild()
  plant(folder, { 'a/new.md': '# New' })
  t.equal((await run(['build', ...args])).code, 0)
  t.equal((await service.listing()).count, 3)
  await until(async () => (await service.health()).manifest.count === 3)
})

t.test(
  'no file call on a base is made while it answers',
  { skip: !hasStrace() && 'needs strace' },
  async (t) => {
    const { start, folder } = stage(t)
    const service = await start()
    await service.rebuild()
    await service.listing()
    const trace = join(folder, 'trace')
    const args = ['-f', '-e', 'trace=file', '-o', trace, '-p', String(service.child.pid)]
    const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    await new Promise((resolve) => strace.stderr.once('data', resolve))
    for (let i = 0; i < 5; i++)
      await Promise.all(['/reports-index', '/health', '/ready', '/rebuild'].map((path) => service.get(path)))
    const exited = new Promise((resolve) => strace.on('exit', resolve))
    strace.kill('SIGINT')
    await exited
    const calls = fs.readFileSync(trace, 'utf8').split('\n')
    // The manifest's folder is held, and its files are named by that.
    const held = calls.filter((line) => /"\/proc\/self\/fd\/\d+\//.test(line))
    t.ok(held.length > 0, 'the manifest is looked at')
    t.strictSame(
      held.filter((line) => !/\/m(?:\.status)?\.json"/.test(line)),
      [],
      'and nothing else by its folder'
    )
    t.strictSame(
      calls.filter((line) => line.includes(folder) && !line.includes(join(folder, 's'))),
      []
    )
  }
)

t.test('front matter that would run code runs none; odd files end no build', async (t) => {
  const { start, folder } = stage(t, {
    'a/evil.md': `---js\n{ title: require('fs').writeFileSync('PWNED', '') }\n---\n# Evil`,
    'a/open.md': `---\n${'title: x\n'.repeat(8000)}`,
    'a/empty.md': ''
  })
  execFileSync('mkfifo', [join(folder, 'a/fifo.md')])
  fs.symlinkSync('.', join(folder, 'a/loop'))
  fs.writeFileSync(
    Buffer.concat([Buffer.from(join(folder, 'a/bad')), Buffer.from([0xff]), Buffer.from('.md')]),
    ''
  )
  const service = await start()
  const { count, skippedLinks, warnings } = await service.rebuild()
  t.match(
    { count, skippedLinks, warnings },
    { count: 3, skippedLinks: 1, warnings: [{ code: 'invalid-name', rel: 'bad\\xff.md' }] }
  )
  t.notOk(fs.existsSync('PWNED'))
  t.notOk(fs.existsSync(join(folder, 'a/PWNED')))
})

t.test('SIGTERM and SIGINT end it with 0, also under a build and with open connections', async (t) => {
  const { start } = stage(t, many(300))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const service = await start()
    const agent = new http.Agent({ keepAlive: true })
    await new Promise((resolve) =>
      http.get(`${service.url}/health`, { agent }, (answer) => answer.resume().on('end', resolve))
    )
    const rebuilding = fetch(`${service.url}/rebuild`, {
      method: 'POST',
      body: '{"mode":"full"}',
      headers: { 'content-type': 'application/json' }
    })
    await sleep(50)
    const began = performance.now()
    t.equal(await service.stop(signal), 0, signal)
    t.ok(performance.now() - began < 10_000)
    t.ok([200, 503].includes((await rebuilding).status), 'who waited is answered')
    agent.destroy()
  }
})

t.test('an answer that is being read slowly is finished before it ends', async (t) => {
  const { start } = stage(t, many(8000))
  const service = await start()
  await service.rebuild()
  let length = 0
  const answered = await new Promise<http.IncomingMessage>((resolve) =>
    http.get(`${service.url}/reports-index`, resolve)
  )
  const total = Number(answered.headers['content-length'])
  const stopped = service.stop()
  for await (const chunk of answered) {
    length += (chunk as Buffer).length
    await sleep(1)
  }
  t.equal(length, total)
  t.ok(total > 1_000_000)
  t.equal(await stopped, 0)
})

t.test('a signal counts as soon as the address is told', async (t) => {
  const { args } = stage(t)
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'ignore']
    })
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
    child.stdout.once('data', () => child.kill('SIGTERM'))
    t.equal(await ended, 0)
  }
})

t.test('a second signal changes nothing, an unused connection holds nothing up', async (t) => {
  const { start } = stage(t)
  const service = await start()
  const idle = connect(Number(new URL(service.url).port), '127.0.0.1')
  t.teardown(() => idle.destroy())
  idle.on('error', () => {})
  await new Promise((resolve) => idle.on('connect', resolve))
  const began = performance.now()
  const stopped = service.stop()
  service.child.kill('SIGINT')
  t.equal(await stopped, 0)
  t.ok(performance.now() - began < 5000)
})

t.test('it outlives the reader of its log', async (t) => {
  const { start, folder } = stage(t)
  const service = await start()
  await service.rebuild()
  service.child.stderr?.destroy()
  for (let i = 0; i < 3; i++) {
    plant(folder, { [`a/${i}.md`]: '' })
    await service.rebuild()
  }
  t.equal((await service.listing()).count, 5)
})

t.test('a FIFO in the place of the manifest holds no request and no stop up', async (t) => {
  const { start, manifest } = stage(t)
  const service = await start()
  await service.rebuild()
  putFifo(manifest)
  t.equal((await service.listing()).count, 2)
  await t.rejects(service.rebuild(), { status: 503, message: /ENOTFILE/ })
  t.match((await service.health()).manifest, { status: 'unreadable', count: 2 })
  t.match(await run(['list', '--manifest', manifest]), { code: 1, stderr: /it is not a regular file/ })
  fs.rmSync(manifest)
  await service.rebuild()
  t.match((await service.health()).manifest, { status: 'ok', count: 2 })
  putFifo(manifest)
  t.equal(await service.stop(), 0)
})

/** At once: a service makes a manifest that is gone anew. */
function putFifo(path: string): void {
  execFileSync('mkfifo', [`${path}.fifo`])
  fs.renameSync(`${path}.fifo`, path)
}

t.test('what is no HTTP is told in the shape of all errors', async (t) => {
  const { start } = stage(t)
  const service = await start()
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data: Buffer) => (answer += data.toString()))
  socket.write('NONSENSE\r\n\r\n')
  await new Promise((resolve) => socket.on('close', resolve))
  t.match(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), {
    statusCode: 400,
    code: /^HPE_/,
    error: 'Bad Request'
  })
})

t.test(
  'requests of several processes share builds: what one found after they asked covers them all',
  async (t) => {
    const { start } = stage(t, many(1500))
    const services = await Promise.all([start(), start(), start(), start()])
    await Promise.all(services.map((service) => service.rebuild()))
    const full = services[0]?.rebuild({ mode: 'full' })
    await sleep(100)
    const results = await Promise.all(services.flatMap((service) => [service.rebuild(), service.rebuild()]))
    await full
    const builds = new Set(results.map(({ startedAt }) => startedAt))
    t.ok(builds.size <= 3, `${results.length} requests, ${builds.size} builds`)
  }
)

t.test(
  'a base that went away together with the manifest and the builder keeps its last known entries',
  async (t) => {
    const { start, folder, manifest } = stage(t)
    const service = await start()
    await service.rebuild()
    fs.renameSync(join(folder, 'a'), join(folder, 'away'))
    fs.rmSync(manifest)
    for (const pid of childrenOf(service.child.pid)) process.kill(pid, 'SIGKILL')
    t.match(await service.rebuild(), {
      count: 2,
      bases: [{ name: 'a', status: 'unavailable', count: 1 }, { status: 'ok' }]
    })
  }
)

t.test('a signal that comes while it starts is not lost', async (t) => {
  const { args } = stage(t, many(200))
  for (let ms = 200; ms <= 600; ms += 50) {
    const child = spawn(process.execPath, [CLI, 'serve', '--port', '0', ...args], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
    await sleep(ms)
    child.kill('SIGTERM')
    // Before any of our code runs, the signal is Node's own to answer.
    t.ok([0, 'SIGTERM'].includes((await ended) as number), `after ${ms} ms`)
  }
})
