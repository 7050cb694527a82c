import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { fileLock, placeLock } from '../../src/services/io/lock.js'
import { BUILDING, PLACING, tryLock } from '../../src/services/io/lock-file.js'
import { nativeLocks } from '../../src/services/io/native-locks.js'
import { scratch, spawnNode } from '../support.js'

const skip = nativeLocks() === undefined && 'no locks of the kernel are to be had here'
const module = new URL('../../src/services/io/lock-file.js', import.meta.url).href
const patience = (ms = 60_000) => ({ ms, signal: new AbortController().signal })
const none = async () => undefined

/** Another process that holds a lock until it is killed. */
async function holder(path: string) {
  const code = `
    const { tryLock } = await import(${JSON.stringify(module)})
    globalThis.held = tryLock({ path: ${JSON.stringify(path)}, local: true }, ${BUILDING})
    console.log(typeof held.release)
    setInterval(() => {}, 1000)`
  const child = spawnNode(['--input-type=module', '-e', code], {})
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, said: line.toString().trim() }
}

function ownerOf(path: string): unknown {
  const attempt = tryLock({ path, local: true }, BUILDING)
  if (attempt === 'none') return 'none'
  if ('owner' in attempt) return JSON.parse(attempt.owner)
  attempt.release()
  return undefined
}

t.test('the lock of a manifest is the same by whatever path it is reached', { skip }, async (t) => {
  const folder = scratch(t, { 's/': '' })
  fs.symlinkSync('s', join(folder, 'link'))
  let release = () => {}
  const held = fileLock({ path: join(folder, 's/m.json'), local: true }).hold(
    () => new Promise<void>((resolve) => (release = resolve)),
    none,
    patience()
  )
  t.match(ownerOf(join(folder, 'link/m.json')), { pid: process.pid })
  t.equal(ownerOf(join(folder, 's/other.json')), undefined, 'another manifest has another lock')
  release()
  await held
  t.equal(ownerOf(join(folder, 'link/m.json')), undefined)
})

t.test('the lock goes with its owner, however that ends', { skip }, async (t) => {
  const path = join(scratch(t), 'm.json')
  const { child, said } = await holder(path)
  t.equal(said, 'function')
  t.match(ownerOf(path), { pid: child.pid })
  const waited: number[] = []
  const mine = fileLock({ path, local: true }).hold(async () => 'mine', none, {
    ...patience(),
    onWait: (ms) => {
      waited.push(ms)
      if (waited.length === 3) child.kill('SIGKILL')
    }
  })
  t.equal(await mine, 'mine')
  t.ok(waited.length >= 3, 'who waits is told so')
})

t.test('who waits no longer says so', { skip }, async (t) => {
  const path = join(scratch(t), 'm.json')
  const { child } = await holder(path)
  t.teardown(() => child.kill('SIGKILL'))
  const lock = fileLock({ path, local: true })
  await t.rejects(
    lock.hold(async () => 1, none, patience(50)),
    { message: /is it stopped/ }
  )
  const over = new AbortController()
  over.abort()
  await t.rejects(lock.hold(async () => 1, none, { ms: 60_000, signal: over.signal }))
})

t.test('only who may write in the folder may take the lock', { skip }, async (t) => {
  for (const [mode, expected] of [
    [0o755, 0o600],
    [0o775, 0o660],
    [0o777, 0o666]
  ] as const) {
    const folder = scratch(t)
    fs.chmodSync(folder, mode)
    t.equal(ownerOf(join(folder, 'm.json')), undefined)
    const { mode: given, uid } = fs.statSync(join(folder, '.m.json.lock'))
    t.equal(given & 0o777, expected)
    t.equal(uid, fs.statSync(folder).uid)
  }
})

t.test(
  'where the manifest lies on a mount, or has no folder yet, nothing is made there',
  { skip },
  async (t) => {
    const folder = scratch(t)
    for (const place of [
      { path: join(folder, 'm.json'), local: false },
      { path: join(folder, 'none/m.json'), local: true }
    ]) {
      const first = tryLock(place, BUILDING)
      t.match(tryLock(place, BUILDING), { owner: /pid/ })
      if (first !== 'none' && 'release' in first) first.release()
    }
    t.strictSame(fs.readdirSync(folder), [])
    const own = fs.statSync(join(tmpdir(), `reports-index-${process.getuid?.()}`))
    t.equal(own.mode & 0o777, 0o700)
  }
)

t.test('a link in the place of the lock is not followed', { skip }, async (t) => {
  const folder = scratch(t, { 'secret.txt': 'secret' })
  fs.symlinkSync('secret.txt', join(folder, '.m.json.lock'))
  ownerOf(join(folder, 'm.json'))
  t.equal(fs.readFileSync(join(folder, 'secret.txt'), 'utf8'), 'secret')
})

t.test('who replaces a manifest is alone for that moment, also beside who builds', { skip }, async (t) => {
  const place = { path: join(scratch(t), 'm.json'), local: true }
  const building = tryLock(place, BUILDING)
  const order: string[] = []
  const put = placeLock(() => place)
  const work = (name: string) => async () => {
    order.push(`${name} begins`)
    t.match(tryLock(place, PLACING), { owner: String })
    await new Promise(setImmediate)
    order.push(`${name} ends`)
  }
  await Promise.all([put(work('a')), put(work('b')), put(work('c'))])
  t.equal(order.length, 6)
  for (let i = 0; i < order.length; i += 2)
    t.equal(order[i]?.replace('begins', 'ends'), order[i + 1], 'one after the other')
  if (building !== 'none' && 'release' in building) building.release()
})
