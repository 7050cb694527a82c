import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { BuildResult } from '../../src/schemas/rebuild.js'
import { openManifest } from '../../src/services/open-manifest.js'
import { Mount, noBindfs, noMounts } from '../mount.js'
import { childrenOf, plant, run, Service, scratch, until } from '../support.js'

const skip = noMounts()
/** What a base may owe an answer, in milliseconds. */
const TIMEOUT_MS = 1500
/** What may be added to it: a build of the others, a look at the clock four times a second. */
const SLACK_MS = 2500

/** A base `far` on a mount with 60 reports in six folders, a base `near` on the disk, and a service over both. */
async function stage(t: Test, manifestOn: 'near' | 'far' = 'near') {
  const folder = scratch(t, { 'near/one.md': '# One' })
  const mount = new Mount(folder)
  t.teardown(() => mount.down())
  const files = Array.from({ length: 60 }, (_, i) => [`remote/${i % 6}/${i}.md`, `# Far ${i}`])
  plant(folder, Object.fromEntries(files))
  await mount.up()
  const manifest = manifestOn === 'near' ? join(folder, 's/m.json') : join(mount.point, '_state/m.json')
  const args = [
    '--base',
    `far=${mount.point}`,
    '--base',
    `near=${folder}/near`,
    '--manifest',
    manifest,
    '--refresh',
    '0',
    '--timeout',
    `${TIMEOUT_MS}ms`
  ]
  const start = async () => {
    const started = await Service.start(args)
    t.teardown(() => started.stop('SIGKILL'))
    return started
  }
  const service = await start()
  t.match(await service.rebuild(), { count: 61, bases: [{ status: 'ok' }, { status: 'ok' }] })
  await until(async () => (await service.health()).manifest.status === 'ok')
  return { folder, mount, manifest, args, service, start }
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const began = performance.now()
  return { result: await work(), ms: performance.now() - began }
}

const statusesIn = ({ bases }: { bases: { status: string }[] }) => bases.map(({ status }) => status)

t.test('a frozen mount costs its time limit once, and nothing else anything', { skip }, async (t) => {
  const { folder, mount, service } = await stage(t)
  mount.freeze()
  plant(folder, { 'near/two.md': '# Two' })
  const first = timed(() => service.rebuild())
  await until(async () => (await service.health()).builder.running)
  const listing = await timed(() => service.listing())
  t.ok(listing.ms < 1000, 'nobody waits for it')
  t.equal(listing.result.count, 61)
  const { ms, result } = await first
  t.ok(ms < TIMEOUT_MS + SLACK_MS, `the first build took ${Math.round(ms)} ms`)
  t.match(result, { count: 62, added: 1, removed: 0 }, 'the other base landed in the same build')
  t.match(result.bases, [
    { status: 'unavailable', count: 60, error: /^no answer since .*; its 60 known reports stay listed/ },
    { status: 'ok', count: 2 }
  ])
  const [builder] = childrenOf(service.child.pid)
  const threads = () => fs.readdirSync(`/proc/${builder}/task`).length
  const before = threads()
  for (let round = 0; round < 20; round++) {
    const later = await timed(() => service.rebuild({ mode: 'full' }))
    t.ok(later.ms < 1000, `a later build took ${Math.round(later.ms)} ms`)
  }
  t.strictSame(childrenOf(service.child.pid), [builder], 'no process piles up')
  t.equal(threads(), before, 'no thread does')
  const named = await timed(() => service.rebuild({ paths: [{ base: 'far', rel: '0/0.md' }] }))
  t.ok(named.ms < 1000, 'nor does a file named on it hold anything up')
  t.match(await service.health(), { status: 'degraded', manifest: { status: 'ok' } })
  mount.thaw()
  await until(async () => statusesIn(await service.rebuild())[0] === 'ok')
  t.match(await service.health(), { status: 'ok', manifest: { count: 62 } })
})

t.test('a service starts and stops while a mount is frozen', { skip }, async (t) => {
  const { mount, service, start } = await stage(t)
  mount.freeze()
  const waiting = service.rebuild().catch((error: { status: number }) => error.status)
  await until(async () => (await service.health()).builder.running)
  const stopped = await timed(() => service.stop())
  t.equal(stopped.result, 0)
  t.ok(stopped.ms < 5000, `it stopped in ${Math.round(stopped.ms)} ms`)
  t.equal(await waiting, 503)
  const started = await timed(start)
  t.ok(started.ms < 5000, `it started in ${Math.round(started.ms)} ms`)
  t.equal((await started.result.listing()).count, 61)
})

t.test(
  'a service that is killed under a hang leaves nothing that holds the next one up',
  { skip },
  async (t) => {
    const { folder, mount, service, start, args } = await stage(t)
    mount.freeze()
    void service.rebuild().catch(() => {})
    await until(async () => (await service.health()).builder.running)
    await service.stop('SIGKILL')
    plant(folder, { 'near/two.md': '# Two' })
    const next = await start()
    const { ms, result } = await timed(() => next.rebuild())
    t.ok(ms < TIMEOUT_MS + SLACK_MS, `its build took ${Math.round(ms)} ms`)
    t.match(result, {
      count: 62,
      bases: [
        { status: 'unavailable', count: 60 },
        { status: 'ok', count: 2 }
      ]
    })
    t.match(await run(['build', ...args]), { code: 0, stdout: /far +60 +unavailable/ })
  }
)

t.test('a mount whose server was killed is unavailable until it is back', { skip }, async (t) => {
  const { mount, service } = await stage(t)
  await mount.kill()
  t.match(await service.rebuild(), {
    count: 61,
    bases: [
      { status: 'unavailable', count: 60, error: /^its mount is dead \(ENOTCONN\); / },
      { status: 'ok' }
    ]
  })
  await mount.down()
  t.match(
    await service.rebuild(),
    { count: 61, bases: [{ status: 'suspect' }, {}] },
    'the empty folder below it'
  )
  await mount.up()
  t.match(await service.rebuild(), { count: 61, bases: [{ status: 'ok' }, { status: 'ok' }] })
})

t.test(
  'a mount that fell away, and left an empty folder, is suspect until it is back',
  { skip },
  async (t) => {
    const { mount, service } = await stage(t)
    await mount.fallAway()
    const { bases, count } = await service.rebuild()
    t.equal(count, 61)
    t.match(bases[0], { status: 'suspect', count: 60, error: /all 60 reports .* --accept-removals far / })
    t.match(service.stderr, /base far is suspect: .*--accept-removals far/)
    await mount.up()
    t.match(await service.rebuild(), { count: 61, bases: [{ status: 'ok', error: null }, {}] })
  }
)

t.test(
  'a folder of a mount that comes back empty without an error keeps its reports',
  { skip },
  async (t) => {
    const { folder, mount, service } = await stage(t)
    fs.renameSync(join(mount.source, '3'), join(folder, 'aside'))
    fs.mkdirSync(join(mount.source, '3'))
    // A mount that still tells of some files and not of others is looked at by no build.
    await until(() => execFileSync('find', [mount.point, '-path', '*/3/*'], { encoding: 'utf8' }) === '')
    let result: BuildResult | undefined
    await until(async () => {
      result = await service.rebuild()
      return result.warnings.some(({ code }) => code === 'suspect-folder')
    })
    t.match(result, { count: 61, removed: 0, warnings: [{ code: 'suspect-folder', base: 'far', rel: '3' }] })
    plant(
      mount.source,
      Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`3/${i * 6 + 3}.md`, '# Back']))
    )
    await until(async () => (await service.rebuild()).warnings.length === 0)
    t.equal((await service.listing()).count, 61)
    fs.rmSync(join(mount.source, '3/3.md'))
    await until(async () => !fs.existsSync(join(mount.point, '3/3.md')))
    t.match(
      await service.rebuild({ paths: [{ base: 'far', rel: '3/3.md' }] }),
      { count: 60, removed: 1 },
      'named, it is believed'
    )
  }
)

t.test('a manifest on a mount that freezes: the last good listing, at once', { skip }, async (t) => {
  const { folder, mount, service, start } = await stage(t, 'far')
  const before = await service.listing()
  mount.freeze()
  await until(async () => (await service.health()).manifest.status === 'late')
  for (let round = 0; round < 10; round++) {
    const { ms, result } = await timed(() => fetch(`${service.url}/reports-index`))
    t.ok(ms < 200, `answered in ${Math.round(ms)} ms`)
    t.equal(result.headers.get('reports-index-source'), 'snapshot')
    t.strictSame(await result.json(), before)
  }
  plant(folder, { 'near/two.md': '# Two' })
  const { ms, result } = await timed(() => service.rebuild().catch((error: Error) => error.message))
  t.match(result, /RI_ERR_NOT_WRITTEN.*its file system gives no answer/)
  t.ok(ms < TIMEOUT_MS + SLACK_MS, `in ${Math.round(ms)} ms`)
  t.match(await service.health(), {
    status: 'degraded',
    manifest: { status: 'late' },
    builder: { lastError: /gives no answer/ }
  })
  mount.thaw()
  await until(async () => (await service.health()).manifest.status === 'ok')
  t.match(await service.rebuild(), { count: 62 })
  t.equal((await service.listing()).count, 62)
  mount.freeze()
  const stopped = await timed(() => service.stop())
  t.equal(stopped.result, 0)
  t.ok(stopped.ms < 5000, `it stopped in ${Math.round(stopped.ms)} ms`)
  const started = await timed(start)
  t.ok(started.ms < 6000, `it started in ${Math.round(started.ms)} ms`)
  t.equal((await fetch(`${started.result.url}/ready`)).status, 503)
  mount.thaw()
  await until(async () => (await started.result.health()).manifest.count === 62)
})

t.test('nothing is written into the folder that a mount with the manifest left', { skip }, async (t) => {
  const { mount, service } = await stage(t, 'far')
  await mount.fallAway()
  await t.rejects(service.rebuild(), { status: 503, message: /its mount fell away/ })
  t.strictSame(fs.readdirSync(mount.point), [])
  t.equal((await service.listing()).count, 61)
  await mount.up()
  t.match(await service.rebuild(), { count: 61, bases: [{ status: 'ok' }, {}] })
  await until(async () => (await service.health()).status === 'ok')
})

t.test('a mount that comes up frozen over the place of the manifest stops nobody', { skip }, async (t) => {
  const folder = scratch(t, { 'near/one.md': '# One' })
  const mount = new Mount(folder)
  t.teardown(() => mount.down())
  const manifest = join(mount.point, '_state/m.json')
  const service = await Service.start([
    '--base',
    `near=${folder}/near`,
    '--manifest',
    manifest,
    '--refresh',
    '0',
    '--timeout',
    '1s'
  ])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const polling = new AbortController()
  const polled = (async () => {
    while (!polling.signal.aborted) t.ok((await timed(() => service.listing())).ms < 2000)
  })()
  await mount.up()
  mount.freeze()
  await until(async () => (await service.health()).manifest.status === 'late')
  t.equal((await service.listing()).count, 1)
  polling.abort()
  await polled
  const stopped = await timed(() => service.stop())
  t.equal(stopped.result, 0)
  t.ok(stopped.ms < 5000)
})

t.test(
  'a frozen mount below a base on the disk costs what lies on it, and nothing else',
  { skip },
  async (t) => {
    const folder = scratch(t, { 'near/one.md': '# One', 'base/two.md': '# Two', 'base/far/': '' })
    const mount = new Mount(join(folder, 'base/far'))
    t.teardown(() => mount.down())
    plant(mount.source, { 'three.md': '# Three' })
    await mount.up()
    const service = await Service.start([
      '--base',
      `base=${folder}/base`,
      '--base',
      `near=${folder}/near`,
      '--exclude',
      'far/remote',
      '--manifest',
      join(folder, 's/m.json'),
      '--refresh',
      '0',
      '--timeout',
      `${TIMEOUT_MS}ms`
    ])
    t.teardown(() => service.stop('SIGKILL'))
    t.match(await service.rebuild(), { count: 3, bases: [{ status: 'ok', count: 2 }, {}] })
    mount.freeze()
    plant(folder, { 'near/four.md': '# Four', 'base/five.md': '# Five' })
    const { ms, result } = await timed(() => service.rebuild())
    t.ok(ms < TIMEOUT_MS + SLACK_MS, `it took ${Math.round(ms)} ms`)
    t.match(result, {
      count: 5,
      bases: [
        { status: 'ok', count: 3 },
        { status: 'ok', count: 2 }
      ],
      warnings: [{ code: 'unreadable', base: 'base', rel: 'far', message: /it gives no answer/ }]
    })
    const later = await timed(() => service.rebuild())
    t.ok(later.ms < 1000, 'a later build does not wait for it')
    t.match(later.result, { count: 5, warnings: [{ rel: 'far' }] })
    mount.thaw()
    await until(async () => (await service.rebuild()).warnings.length === 0)
  }
)

t.test('more frozen bases than file calls at once hold no build up', { skip }, async (t) => {
  const folder = scratch(t, { 'near/one.md': '# One' })
  const mount = new Mount(folder)
  t.teardown(() => mount.down())
  const names = Array.from({ length: 6 }, (_, i) => `far${i}`)
  plant(mount.source, Object.fromEntries(names.map((name) => [`${name}/x.md`, '# X'])))
  await mount.up()
  const bases = names.flatMap((name) => ['--base', `${name}=${mount.point}/${name}`])
  const service = await Service.start([
    ...bases,
    '--base',
    `near=${folder}/near`,
    '--concurrency',
    '1',
    '--manifest',
    join(folder, 's/m.json'),
    '--refresh',
    '0',
    '--timeout',
    `${TIMEOUT_MS}ms`
  ])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  mount.freeze()
  plant(folder, { 'near/two.md': '# Two' })
  const { ms, result } = await timed(() => service.rebuild())
  t.ok(ms < TIMEOUT_MS + SLACK_MS, `it took ${Math.round(ms)} ms`)
  t.equal(result.count, 8)
})

t.test(
  'a second process that knows nothing of an absent base takes nothing from the first',
  { skip },
  async (t) => {
    const { folder, mount, service, manifest, args } = await stage(t)
    await mount.kill()
    await mount.down()
    fs.rmdirSync(mount.point)
    fs.writeFileSync(manifest, 'nonsense')
    const builds = await Promise.all([run(['build', ...args]), run(['build', ...args]), service.listing()])
    t.equal(builds[0].code, 0)
    await until(async () => (await service.health()).manifest.status === 'ok')
    t.equal((await service.listing()).count, 61)
    t.match(await service.rebuild(), { count: 61, bases: [{ status: 'unavailable', count: 60 }, {}] })
    t.match(JSON.parse(fs.readFileSync(manifest, 'utf8')), { count: 61 })
    t.ok(folder)
  }
)

t.test(
  'a report replaced by one of its size and time is seen where FUSE keeps inodes',
  { skip: noBindfs() },
  async (t) => {
    const folder = scratch(t, { 'src/a.md': '# passed 10 failed 0', 'm/': '' })
    const [source, point] = [join(folder, 'src'), join(folder, 'm')]
    const longAgo = 315_532_800
    fs.utimesSync(join(source, 'a.md'), longAgo, longAgo)
    execFileSync('bindfs', [source, point])
    t.teardown(() => execFileSync('umount', ['-l', point]))
    const args = ['--base', `a=${point}`, '--manifest', join(folder, 's/m.json')]
    t.match(await run(['build', ...args]), { code: 0, stdout: /1 added/ })
    plant(source, { '.new': '# passed 09 failed 1' })
    fs.utimesSync(join(source, '.new'), longAgo, longAgo)
    fs.renameSync(join(source, '.new'), join(source, 'a.md'))
    // The kernel keeps what it was told of a file for a second.
    await until(() => fs.readFileSync(join(point, 'a.md'), 'utf8').includes('09'))
    await until(() => fs.statSync(join(point, 'a.md')).ino === fs.statSync(join(source, 'a.md')).ino)
    t.match(await run(['build', ...args]), { code: 0, stdout: /1 updated/ })
    t.match((await run(['list', ...args])).stdout, /passed 09 failed 1/)
  }
)

t.test('a file named in another case is listed by the name that the mount lists', { skip }, async (t) => {
  const folder = scratch(t, {})
  const mount = new Mount(folder, ['--vfs-case-insensitive'])
  t.teardown(() => mount.down())
  plant(mount.source, { 'audits/new.md': '# New', 'b.md': '# B' })
  await mount.up()
  const service = await Service.start([
    '--base',
    `far=${mount.point}`,
    '--manifest',
    join(folder, 's/m.json'),
    '--refresh',
    '0'
  ])
  t.teardown(() => service.stop('SIGKILL'))
  t.match(await service.rebuild(), { count: 2 })
  t.match(await service.rebuild({ paths: [{ base: 'far', rel: 'Audits/NEW.md' }] }), { count: 2, added: 0 })
  const { reports } = await service.listing()
  t.strictSame(reports.map(({ rel }) => rel).toSorted(), ['audits/new.md', 'b.md'])
})

/** A small file system in memory. */
function tmpfs(t: Test, folder: string, options: string): string {
  const point = join(folder, 'tmpfs')
  fs.mkdirSync(point)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', point])
  t.teardown(() => execFileSync('umount', ['-l', point]))
  return point
}

t.test('a disk that is full at any byte leaves the old manifest, and is told', { skip }, async (t) => {
  const folder = scratch(t, { 'a/': '' })
  plant(folder, Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`a/${i}.md`, `# ${i}`])))
  const disk = tmpfs(t, folder, 'size=256k')
  const manifest = join(disk, 'm.json')
  const service = await Service.start(['--base', `a=${folder}/a`, '--manifest', manifest, '--refresh', '0'])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  for (let free = 0; free <= 64; free += 8) {
    const before = fs.readFileSync(manifest)
    plant(folder, { 'a/0.md': `# Free ${free}` })
    fill(disk, free * 1024)
    const answer = await service.rebuild().catch((error: { status: number; message: string }) => error)
    const isWritten = 'etag' in answer
    if (!isWritten) {
      t.match(answer, { status: 503, message: /RI_ERR_NOT_WRITTEN/ })
      t.strictSame(fs.readFileSync(manifest), before, `${free} KiB free: the old one`)
      t.match((await service.health()).builder.lastError, /its disk is full/)
    }
    t.ok(openManifest(fs.readFileSync(manifest)), `${free} KiB free: whole`)
    t.equal((await service.listing()).count, 200)
    fs.rmSync(join(disk, 'filler'))
    await service.rebuild()
    t.match(fs.readFileSync(manifest, 'utf8'), `Free ${free}`, 'as soon as there is room it is written')
    t.strictSame(fs.readdirSync(disk).toSorted(), ['.m.json.lock', 'm.json', 'm.status.json'])
    t.match(await service.health(), { status: 'ok' })
  }
})

/** Fills a disk but for so many bytes. */
function fill(disk: string, free: number): void {
  const { bavail, bsize } = fs.statfsSync(disk)
  const fd = fs.openSync(join(disk, 'filler'), 'w')
  fs.writeSync(fd, Buffer.alloc(Math.max(0, bavail * bsize - free)))
  fs.closeSync(fd)
}

t.test('on a read-only disk it serves, and says that it does not build', { skip }, async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const disk = tmpfs(t, folder, 'size=256k')
  const manifest = join(disk, 'm.json')
  const args = ['--base', `a=${folder}/a`, '--manifest', manifest, '--refresh', '0']
  t.equal((await run(['build', ...args])).code, 0)
  execFileSync('mount', ['-o', 'remount,ro', disk])
  const service = await Service.start(args)
  t.teardown(() => service.stop('SIGKILL'))
  plant(folder, { 'a/two.md': '# Two' })
  await t.rejects(service.rebuild(), {
    status: 503,
    message: /so nothing is built: its file system is read-only \(EROFS\)/
  })
  t.equal((await service.listing()).count, 1)
  t.match(await service.health(), { status: 'degraded', builder: { lastError: /read-only/ } })
  t.match(await run(['build', ...args]), { code: 1, stderr: /read-only/ })
})

t.test(
  'reports of a frozen mount cost their own requests a bounded wait, and no other anything',
  { skip },
  async (t) => {
    const { mount, args } = await stage(t)
    const service = await Service.start([...args, '--serve-reports'])
    t.teardown(() => service.stop('SIGKILL'))
    const statusOf = async (path: string) => (await fetch(`${service.url}/reports/${path}`)).status
    t.equal(await statusOf('far/1/1.md'), 200)
    mount.freeze()
    const asked = timed(() =>
      Promise.all(Array.from({ length: 60 }, (_, i) => statusOf(`far/${i % 6}/${i}.md`)))
    )
    const near = timed(() => Promise.all(Array.from({ length: 20 }, () => statusOf('near/one.md'))))
    t.strictSame(new Set((await near).result), new Set([200]))
    t.ok((await near).ms < TIMEOUT_MS, 'the other base is not waited for')
    const { result, ms } = await asked
    t.strictSame(new Set(result), new Set([503]))
    t.ok(ms < TIMEOUT_MS + SLACK_MS, `${ms} ms`)
    const later = await timed(() => statusOf('far/1/1.md'))
    t.equal(later.result, 503)
    t.equal(await statusOf('near/one.md'), 200)
    t.equal((await service.listing()).count, 61)
    mount.thaw()
    await until(async () => (await statusOf('far/1/1.md')) === 200)
    mount.freeze()
    const waiting = fetch(`${service.url}/reports/far/2/2.md`).then((answer) => answer.json())
    for (let i = 0; i < 5; i++) await service.health() // by then it waits
    t.equal(await service.stop(), 0, 'it stops all the same')
    t.match(await waiting, { code: 'RI_ERR_STOPPING' })
  }
)

t.test('what hung while a report was read is closed when the mount answers again', { skip }, async (t) => {
  const { folder, mount, args } = await stage(t)
  fs.writeFileSync(join(folder, 'remote/0/big.txt'), 'x'.repeat(20_000_000))
  const service = await Service.start([...args, '--serve-reports'])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const opener = () =>
    execFileSync('pgrep', ['-P', String(service.child.pid), '-f', 'opener-main'])
      .toString()
      .trim()
  const held = () => {
    const fds = `/proc/${opener()}/fd`
    return fs.readdirSync(fds).filter((fd) => linkOf(`${fds}/${fd}`).startsWith(mount.point)).length
  }
  const given = Array.from({ length: 6 }, () => new AbortController())
  await Promise.all(given.map(({ signal }) => fetch(`${service.url}/reports/far/0/big.txt`, { signal })))
  t.equal(held(), 6)
  mount.freeze()
  const waiting = await Promise.all(
    Array.from({ length: 10 }, (_, i) => fetch(`${service.url}/reports/far/1/${1 + 6 * i}.md`))
  )
  t.ok(waiting.every(({ status }) => status === 503))
  for (const controller of given) controller.abort()
  mount.thaw()
  await until(() => held() === 0, 60_000)
})

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path)
  } catch {
    return ''
  }
}
