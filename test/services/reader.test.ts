import t from 'tap'
import type { Status } from '../../src/schemas/manifest.js'
import type { Snapshot } from '../../src/services/manifest.js'
import { Reader, type Seen } from '../../src/services/reader.js'

const NOW = '2026-06-09T00:00:00.000Z'
const LATER = '2026-06-09T00:01:00.000Z'

function snapshot(etag: string): Snapshot {
  return { body: Buffer.from(etag), etag, generatedAt: NOW, count: 1, bases: [{ name: 'b', count: 1 }] }
}

function status(etag: string): Status {
  const bases = [{ name: 'b', status: 'ok' as const, count: 9, scannedAt: NOW, error: null }]
  return { version: 1, etag, startedAt: NOW, checkedAt: LATER, durationMs: 1, bases, warnings: [] }
}

/** A manifest that changes when it is told to. */
function stage(first: Seen) {
  let place = first
  let isCurrent = false
  let told: Status | undefined
  let scans = 0
  const unusable: string[] = []
  const changes: string[] = []
  const reader = new Reader({
    view: {
      isCurrent: () => isCurrent,
      look: async () => {
        const seen = place
        isCurrent = true
        await new Promise(setImmediate)
        return { seen, ...(told && { status: told }) }
      },
      canBeLate: false,
      expect() {},
      close() {}
    },
    liveScan: async () => {
      await new Promise(setImmediate)
      return snapshot(`scan ${++scans}`)
    },
    onUnusable: (state) => unusable.push(state)
  })
  reader.onChange(({ etag }) => changes.push(etag))
  const put = (seen: Seen) => {
    place = seen
    isCurrent = false
  }
  const tell = (status: Status) => {
    told = status
    isCurrent = false
  }
  return { reader, put, unusable, changes, tell, scans: () => scans }
}

const missing: Seen = { state: 'missing', reason: 'it does not exist' }

t.test('the manifest is served, and once it is seen nothing is waited for', async (t) => {
  const { reader, changes } = stage({ state: 'ok', snapshot: snapshot('a') })
  t.notOk(reader.isReady)
  t.equal(reader.currentNow(), undefined)
  t.match(await reader.current(), { snapshot: { etag: 'a' }, source: 'manifest', checkedAt: NOW })
  t.equal(reader.currentNow(), await reader.current())
  t.ok(reader.isReady)
  t.strictSame(changes, ['a'])
})

t.test('a manifest that another process replaced is served to who asks after that', async (t) => {
  const { reader, put, changes } = stage({ state: 'ok', snapshot: snapshot('a') })
  await reader.current()
  put({ state: 'ok', snapshot: snapshot('b') })
  t.equal((await reader.current()).snapshot.etag, 'b')
  t.strictSame(changes, ['a', 'b'])
})

t.test('a replacement during a look is seen by who asked after it', async (t) => {
  const { reader, put } = stage({ state: 'ok', snapshot: snapshot('a') })
  const before = reader.current()
  put({ state: 'ok', snapshot: snapshot('b') })
  const after = reader.current()
  await before
  t.equal((await after).snapshot.etag, 'b')
})

t.test('without a manifest all who wait share one scan', async (t) => {
  const { reader, unusable, scans } = stage(missing)
  const answers = await Promise.all([reader.current(), reader.current()])
  for (const { source } of answers) t.equal(source, 'live-scan')
  t.ok(scans() <= 2)
  t.strictSame(unusable, ['missing'])
  t.match(await reader.current(), { source: 'snapshot' }, 'later the scan is the last good listing')
})

t.test('a damaged manifest is told once, and the last good listing stays', async (t) => {
  const { reader, put, unusable } = stage({ state: 'ok', snapshot: snapshot('a') })
  await reader.current()
  put({ state: 'corrupt', reason: 'no' })
  for (const time of ['first', 'second'])
    t.match(await reader.current(), { snapshot: { etag: 'a' }, source: 'snapshot' }, time)
  t.strictSame(unusable, ['corrupt'])
  t.equal(reader.manifestHealth(0).status, 'corrupt')
  put({ state: 'ok', snapshot: snapshot('a') })
  t.match(await reader.current(), { source: 'manifest' })
  t.equal(reader.manifestHealth(0).status, 'ok')
})

t.test('a manifest whose file system gives no answer does not hold a request up twice', async (t) => {
  const { reader, put, unusable } = stage({ state: 'ok', snapshot: snapshot('a') })
  await reader.current()
  put({ state: 'late', reason: 'slow' })
  t.match(await reader.current(), { snapshot: { etag: 'a' }, source: 'snapshot' })
  t.match(await reader.current(), { source: 'snapshot' })
  t.strictSame(unusable, ['late'])
})

t.test('the companion tells when the listing was confirmed, and how the bases are', async (t) => {
  const { reader, tell } = stage({ state: 'ok', snapshot: snapshot('a') })
  t.match(reader.baseHealth('b'), { name: 'b', status: 'pending', count: 0 })
  await reader.current()
  tell(status('a'))
  await reader.refresh()
  t.match(await reader.current(), { checkedAt: LATER })
  t.match(reader.baseHealth('b'), { status: 'ok', count: 1, scannedAt: NOW })
  t.match(reader.manifestHealth(Date.parse(LATER) + 5000), { checkedAt: LATER, ageSeconds: 5 })
  tell(status('other'))
  await reader.refresh()
  t.match(
    await reader.current(),
    { checkedAt: LATER },
    'a build of another listing confirms nothing, and takes nothing back'
  )
})

t.test(
  'a listing that could not be saved is served where there is no manifest, and only there',
  async (t) => {
    const unsaved = { status: status('new'), snapshot: snapshot('new') }
    const without = stage(missing)
    await without.reader.afterBuild(unsaved)
    t.match(await without.reader.current(), {
      snapshot: { etag: 'new' },
      source: 'snapshot',
      checkedAt: LATER
    })
    const having = stage({ state: 'ok', snapshot: snapshot('old') })
    await having.reader.afterBuild(unsaved)
    t.match(await having.reader.current(), { snapshot: { etag: 'old' }, source: 'manifest' })
  }
)

t.test('a manifest that forgot a base that it did not look at is not taken over, but mended', async (t) => {
  const { reader, put, unusable } = stage({ state: 'ok', snapshot: snapshot('a') })
  await reader.current()
  const made = (etag: string, seen: boolean) => ({
    state: 'ok' as const,
    snapshot: { ...snapshot(etag), count: 0, bases: [{ name: 'b', count: 0, ...(seen && { seen }) }] }
  })
  put(made('c', false))
  t.match(await reader.current(), { snapshot: { etag: 'a' }, source: 'snapshot' })
  await reader.refresh()
  t.strictSame(unusable, ['corrupt'], 'told once')
  put(made('d', true))
  t.match(
    await reader.current(),
    { snapshot: { etag: 'd' }, source: 'manifest' },
    'it was seen, and is empty'
  )
})
