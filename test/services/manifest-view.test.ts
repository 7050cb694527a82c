import { pbkdf2 } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { lookAtManifest, signOf } from '../../src/services/io/manifest-look.js'
import { manifestView } from '../../src/services/io/manifest-view.js'
import { encodeManifest } from '../../src/services/manifest.js'
import type { ManifestView } from '../../src/services/reader.js'
import { noRows } from '../../src/services/rows.js'
import { track } from '../../src/services/tracked.js'
import { childrenOf, scratch, until } from '../support.js'

const looker = new URL('../../src/looker-main.js', import.meta.url)

function manifestOf(...titles: string[]): Buffer {
  const entries = titles.map((title) => {
    const entry = { base: 'b', rel: `${title}.md`, title, date: '2026-06-09', type: 'markdown', size: 1 }
    return track(
      { ...entry, mtime: '2026-06-09T00:00:00.000Z' },
      { size: 1, mtime: 1, ctime: 1, ino: 1 },
      false
    )
  })
  const bases = [{ name: 'b', count: entries.length }]
  return encodeManifest(entries, bases, noRows, () => '2026-06-09T00:00:00.000Z').bytes
}

const statusFile = (etag: string) =>
  JSON.stringify({
    version: 1,
    etag: etag.repeat(64),
    startedAt: '2026-06-09T00:00:00.000Z',
    checkedAt: '2026-06-09T00:00:00.000Z',
    durationMs: 1,
    bases: [],
    warnings: []
  })

interface Stage {
  view: ManifestView
  path: string
  /** Replaces the manifest, as a builder does. */
  put(bytes: Buffer | string): void
}

function stage(t: Test, local: boolean, limitMs = 2000): Stage {
  const path = join(scratch(t), 'm.json')
  const view = manifestView({ place: () => ({ path, local }), looker, limitMs, now: () => Date.now() })
  t.teardown(() => view.close())
  const put = (bytes: Buffer | string) => {
    fs.writeFileSync(`${path}.new`, bytes)
    fs.renameSync(`${path}.new`, path)
  }
  return { view, path, put }
}

/** What holds for whoever looks. */
function contract(local: boolean): void {
  const who = local ? 'looking itself' : 'by a process that looks'

  t.test(`what is seen is what is there when it is asked for, ${who}`, async (t) => {
    const { view, put, path } = stage(t, local)
    t.match(await view.look(), { seen: { state: 'missing' } })
    put(manifestOf('One'))
    t.notOk(view.isCurrent())
    const { seen } = await view.look()
    t.match(seen, { state: 'ok', snapshot: { count: 1 } })
    t.equal((await view.look()).seen, seen, 'the same where nothing changed')
    put('nonsense')
    t.match(await view.look(), { seen: { state: 'corrupt' } })
    put(manifestOf('One', 'Two'))
    t.match(await view.look(), { seen: { state: 'ok', snapshot: { count: 2 } } })
    fs.rmSync(path)
    fs.mkdirSync(path)
    t.match(await view.look(), { seen: { state: 'unreadable', reason: 'it is not a regular file' } })
  })

  t.test(`the companion is told when it changed, ${who}`, async (t) => {
    const { view, put, path } = stage(t, local)
    put(manifestOf('One'))
    t.equal((await view.look()).status, undefined)
    const companion = path.replace('.json', '.status.json')
    fs.writeFileSync(companion, statusFile('a'))
    t.notOk(view.isCurrent())
    t.match((await view.look()).status, { etag: /^a/ })
    fs.writeFileSync(companion, 'nonsense')
    t.match((await view.look()).status, { etag: /^a/ }, 'a broken one takes nothing back')
    fs.writeFileSync(companion, statusFile('b'))
    t.match((await view.look()).status, { etag: /^b/ })
    fs.rmSync(companion)
    t.match(await view.look(), { seen: { state: 'ok' }, status: { etag: /^b/ } })
  })

  t.test(`replacements one after the other are never missed, ${who}`, async (t) => {
    const { view, put } = stage(t, local)
    for (let round = 0; round < 60; round++) {
      put(manifestOf(...Array.from({ length: 1 + (round % 7) }, (_, i) => `${round}-${i}`)))
      const { seen } = view.isCurrent() ? { seen: undefined } : await view.look()
      t.match(seen, { state: 'ok', snapshot: { count: 1 + (round % 7) } }, `round ${round}`)
    }
  })
}

contract(true)
contract(false)

t.test('on a local disk nothing has to be asked where nothing changed', async (t) => {
  const { view, put } = stage(t, true)
  put(manifestOf('One'))
  await view.look()
  t.ok(view.isCurrent())
  t.notOk(view.canBeLate)
  // Those of the tests before may still be about to end.
  await until(() => childrenOf(process.pid).length === 0)
  await view.look()
  t.strictSame(childrenOf(process.pid), [], 'and nobody else looks')
})

t.test('who looks and hangs is asked once, and what it tells at last is taken', async (t) => {
  const { view, put } = stage(t, false, 250)
  put(manifestOf('One'))
  const { seen } = await view.look()
  t.ok(view.canBeLate)
  const [pid] = childrenOf(process.pid)
  process.kill(pid as number, 'SIGSTOP')
  put(manifestOf('One', 'Two'))
  const began = performance.now()
  const late = (await view.look()).seen
  t.match(late, { state: 'late', reason: /no answer within 250 ms/ })
  t.ok(performance.now() - began < 2000)
  t.ok(view.isCurrent(), 'there is nothing more to be asked')
  t.equal((await view.look()).seen, late, 'told as one and the same')
  process.kill(pid as number, 'SIGCONT')
  await until(() => !view.isCurrent())
  t.match((await view.look()).seen, { state: 'ok', snapshot: { count: 2 } })
  t.match(seen, { snapshot: { count: 1 } })
  t.strictSame(childrenOf(process.pid), [pid])
})

t.test('who looks and is killed is replaced', async (t) => {
  const { view, put } = stage(t, false)
  put(manifestOf('One'))
  await view.look()
  const [pid] = childrenOf(process.pid)
  process.kill(pid as number, 'SIGKILL')
  await until(() => childrenOf(process.pid).length === 0)
  put(manifestOf('One', 'Two'))
  t.match((await view.look()).seen, { state: 'ok', snapshot: { count: 2 } })
})

t.test('who looks goes when it is given up', async (t) => {
  const { view, put } = stage(t, false)
  put(manifestOf('One'))
  await view.look()
  view.close()
  await until(() => childrenOf(process.pid).length === 0)
  t.match((await view.look()).seen, { state: 'late' })
})

t.test(
  'a file that could not be read is tried again, though it looks as before, and told once',
  async (t) => {
    const { view, put, path } = stage(t, true)
    put(manifestOf('One'))
    const real = fs.openSync
    let fails = true
    t.capture(fs, 'openSync', (name: string, ...rest: [number]) => {
      if (fails && name.endsWith('/m.json'))
        throw Object.assign(new Error('no'), { code: 'EIO', syscall: 'open' })
      return real(name, ...rest)
    })
    const { seen } = await view.look()
    t.match(seen, { state: 'unreadable', reason: /EIO/ })
    t.notOk(view.isCurrent())
    t.equal((await view.look()).seen, seen)
    fails = false
    t.match((await view.look()).seen, { state: 'ok' })
    t.ok(view.isCurrent())
    t.ok(fs.existsSync(path))
  }
)

t.test('what can not be a manifest is not read, or not understood, and no more than that', async (t) => {
  const { view, put, path } = stage(t, true)
  put(manifestOf('One'))
  fs.truncateSync(path, 3 * 2 ** 30)
  t.match((await view.look()).seen, { state: 'corrupt', reason: 'it is too large to be a manifest' })
  t.ok(view.isCurrent())
  for (const bytes of [
    `"${'a'.repeat(5_000_000)}"`,
    `[${'0,'.repeat(1_000_000)}0]`,
    '{'.repeat(100_000),
    `{"a":${'['.repeat(100_000)}`
  ]) {
    put(bytes)
    const began = performance.now()
    t.match((await view.look()).seen, { state: 'corrupt' })
    t.ok(performance.now() - began < 2000)
  }
  put(manifestOf('One'))
  t.match((await view.look()).seen, { state: 'ok' })
})

t.test('a folder that is made anew is seen at once', async (t) => {
  const folder = join(scratch(t), 'deep/er')
  const path = join(folder, 'm.json')
  const view = manifestView({
    place: () => ({ path, local: true }),
    looker,
    limitMs: 2000,
    now: () => Date.now()
  })
  t.teardown(() => view.close())
  t.match((await view.look()).seen, { state: 'missing' })
  for (let round = 0; round < 3; round++) {
    fs.mkdirSync(folder, { recursive: true })
    fs.writeFileSync(path, manifestOf(`Round ${round}`))
    t.notOk(view.isCurrent())
    t.match((await view.look()).seen, { state: 'ok' })
    fs.rmSync(join(folder, '..'), { recursive: true })
    t.notOk(view.isCurrent())
    t.match((await view.look()).seen, { state: 'missing' })
  }
})

t.test('a local place where a mount was is not taken for the manifest', async (t) => {
  const path = join(scratch(t), 'm.json')
  let local = false
  const view = manifestView({ place: () => ({ path, local }), looker, limitMs: 2000, now: () => Date.now() })
  t.teardown(() => view.close())
  fs.writeFileSync(path, manifestOf('One'))
  t.match((await view.look()).seen, { state: 'ok' })
  local = true
  t.match((await view.look()).seen, { state: 'missing', reason: 'its mount fell away' })
  t.ok(view.isCurrent())
  local = false
  t.match((await view.look()).seen, { state: 'ok' })
})

t.test('a folder that is moved away is not followed', async (t) => {
  const folder = join(scratch(t), 'state')
  const path = join(folder, 'm.json')
  const view = manifestView({
    place: () => ({ path, local: true }),
    looker,
    limitMs: 2000,
    now: () => Date.now()
  })
  t.teardown(() => view.close())
  for (let round = 0; round < 5; round++) {
    fs.mkdirSync(folder)
    fs.writeFileSync(path, manifestOf(`Round ${round}`))
    t.notOk(view.isCurrent(), `round ${round}`)
    t.match((await view.look()).seen, { state: 'ok' })
    t.ok(view.isCurrent())
    await new Promise((resolve) => setTimeout(resolve, 10)) // the tick of the file system's clock
    fs.renameSync(folder, `${folder}.${round}`)
  }
  const held = fs.readdirSync('/proc/self/fd').length
  for (let round = 0; round < 50; round++) await view.look()
  t.equal(fs.readdirSync('/proc/self/fd').length, held, 'and nothing more is held open')
})

t.test(
  'a folder that was quiet for long tells of every rename, and files written over are seen soon',
  async (t) => {
    const folder = scratch(t)
    const path = join(folder, 'm.json')
    let ahead = 0
    const view = manifestView({
      place: () => ({ path, local: true }),
      looker,
      limitMs: 2000,
      now: () => Date.now() + ahead
    })
    t.teardown(() => view.close())
    const put = (text: string) => {
      fs.writeFileSync(`${path}.new`, manifestOf(text))
      fs.renameSync(`${path}.new`, path)
    }
    put('One')
    await view.look()
    ahead = 60_000
    for (let round = 0; round < 50; round++) {
      t.ok(view.isCurrent())
      t.ok(view.isCurrent())
      put(`Round ${round}`)
      t.notOk(view.isCurrent(), `round ${round}`)
      await view.look()
    }
    t.ok(view.isCurrent())
    fs.writeFileSync(path, 'damage')
    await until(() => !view.isCurrent())
    t.match((await view.look()).seen, { state: 'corrupt' })
  }
)

t.test('connections that are read in one turn share a look, and nobody else does', async (t) => {
  const folder = scratch(t)
  const path = join(folder, 'm.json')
  const view = manifestView({
    place: () => ({ path, local: true }),
    looker,
    limitMs: 2000,
    now: () => Date.now()
  })
  t.teardown(() => view.close())
  fs.writeFileSync(path, manifestOf('One'))
  await view.look()
  const [one, two, three] = [{}, {}, {}]
  const at = performance.now()
  const clock = t.capture(performance, 'now', () => at)
  t.ok(view.isCurrent(one))
  fs.writeFileSync(`${path}.new`, manifestOf('Two'))
  fs.renameSync(`${path}.new`, path)
  t.ok(view.isCurrent(two), 'its request was there before')
  clock.restore()
  t.notOk(view.isCurrent(), 'who is no connection looks')
  t.notOk(view.isCurrent(three), 'and then it is known to all')
  await view.look()
  t.ok(view.isCurrent(one))
  fs.writeFileSync(`${path}.new`, manifestOf('Three'))
  fs.renameSync(`${path}.new`, path)
  t.notOk(view.isCurrent(one), 'the second request of one connection may have come later')
  await view.look()
  t.ok(view.isCurrent(one))
  await new Promise(setImmediate)
  fs.writeFileSync(`${path}.new`, manifestOf('Four'))
  fs.renameSync(`${path}.new`, path)
  t.notOk(view.isCurrent(two), 'the next turn')
})

t.test('a manifest that this process places is not waited for, any other is', async (t) => {
  const { view, put, path } = stage(t, true)
  put(manifestOf('One'))
  await view.look()
  t.ok(view.isCurrent())
  const staged = `${path}.new`
  fs.writeFileSync(staged, manifestOf('Two'))
  view.expect(signOf(fs.lstatSync(staged)))
  t.ok(view.isCurrent())
  fs.renameSync(staged, path)
  t.ok(view.isCurrent(), 'who asks now is answered at once, as nobody was told of it yet')
  put(manifestOf('Three'))
  t.notOk(view.isCurrent(), 'another one')
  fs.rmSync(path)
  t.notOk(view.isCurrent(), 'none')
  put(manifestOf('Two'))
  view.expect(signOf(fs.lstatSync(path)))
  view.expect(undefined)
  t.notOk(view.isCurrent(), 'no more')
  t.match((await view.look()).seen, { state: 'ok' })
  t.ok(view.isCurrent())
})

t.test('a late look on a local disk is made good', async (t) => {
  const { view, put } = stage(t, true, 30)
  // So many that they are not read at once.
  const many = Array.from({ length: 8000 }, (_, i) => `Many ${i}`)
  put(manifestOf('One'))
  await view.look()
  put(manifestOf('Two', ...many))
  // All threads that do file calls have other work.
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4)
  const busy = Array.from({ length: threads }, () => promisify(pbkdf2)('a', 'b', 400_000, 64, 'sha512'))
  t.match((await view.look()).seen, { state: 'late' })
  t.ok(view.isCurrent(), 'nothing more is known')
  await Promise.all(busy)
  await until(() => !view.isCurrent())
  const { seen } = await view.look()
  t.match(seen, { state: 'ok' })
  t.match(seen.state === 'ok' && seen.snapshot.body.toString(), /Two/)
  t.ok(view.isCurrent())
})

t.test('while a stat may come again, the seal has to be the same, too', async (t) => {
  for (const isLocal of [true, false]) {
    const path = join(scratch(t), 'm.json')
    fs.writeFileSync(path, manifestOf('One'))
    fs.utimesSync(path, 1_780_000_000, 1_780_000_000)
    const now = 1_780_000_001_000
    const look = (before: { stamp: string; statusStamp: string; tail?: string }, later = 0) =>
      lookAtManifest(path, before, now + later, () => {}, isLocal)
    const { stamp, statusStamp, tail } = await look({ stamp: '', statusStamp: '' })
    t.type(tail, 'string')
    const before = { stamp, statusStamp, tail: tail as string }
    t.notOk((await look(before)).manifest, 'the same seal')
    const other = { ...before, tail: 'of another one that had this stat' }
    t.ok((await look(other)).manifest, 'another seal')
    t.notOk((await look(other, 200_000)).manifest, 'an old stat is relied on')
    fs.utimesSync(path, 1_780_000_000.5, 1_780_000_000.5)
    const fine = { ...other, stamp: (await look({ stamp: '', statusStamp: '' })).stamp }
    t.notOk((await look(fine)).manifest, 'and one of a finer clock')
  }
})
