import t from 'tap'
import { boundedManifestFile } from '../../src/services/io/bounded-manifest-file.js'
import type { ManifestFile } from '../../src/services/io/manifest-file.js'

/** A manifest's file whose calls are answered when they are told to be. */
function stage({ canHang = true, local = false } = {}) {
  const answers: (() => void)[] = []
  const written: boolean[] = []
  const place = { local }
  const hang = <T>(answer: () => T) => new Promise<T>((resolve) => answers.push(() => resolve(answer())))
  const write = (_: unknown, isWanted?: () => boolean) => hang(() => void written.push(isWanted?.() ?? false))
  const real: ManifestFile = {
    stamp: () => hang(() => 'a stamp'),
    read: () => hang(() => ({ state: 'missing' as const, reason: 'gone', stamp: 'a stamp' })),
    readStatus: () => hang(() => undefined),
    write,
    writeStatus: write,
    sweep: () => hang(() => undefined)
  }
  const bounds = {
    limitMs: 50,
    shortMs: 20,
    canHang: () => canHang,
    isLocal: () => place.local,
    wasRemote: false,
    isWanted: () => true
  }
  return { file: boundedManifestFile(real, bounds), answers, written, place }
}

const bytes = Buffer.alloc(0)

t.test('a call that is late is not waited for, and until it is answered there is no other', async (t) => {
  const { file, answers } = stage()
  t.equal(await file.stamp(), undefined)
  t.match(await file.read(), { state: 'late' })
  t.equal(await file.readStatus(), undefined)
  await t.rejects(file.write(bytes), { code: 'RI_ERR_LATE' })
  await t.rejects(file.sweep(), { code: 'RI_ERR_LATE' })
  t.equal(answers.length, 1, 'one call is owed, and no more are made')
  answers.shift()?.()
  await new Promise(setImmediate)
  const stamp = file.stamp()
  answers.shift()?.()
  t.equal(await stamp, 'a stamp')
})

t.test('a write that is late is called off before it takes the place', async (t) => {
  const { file, answers, written } = stage()
  await t.rejects(file.write(bytes), { code: 'RI_ERR_LATE' })
  answers.shift()?.()
  await new Promise(setImmediate)
  t.strictSame(written, [false])
  const second = file.write(bytes)
  answers.shift()?.()
  await second
  t.strictSame(written, [false, true])
})

t.test('where calls can not hang they are waited for', async (t) => {
  const { file, answers } = stage({ canHang: false, local: true })
  const write = file.write(bytes)
  await new Promise((resolve) => setTimeout(resolve, 100))
  answers.shift()?.()
  await write
  t.pass('it took as long as it took')
})

t.test('nothing is written where the mount of the manifest fell away', async (t) => {
  const { file, answers, place, written } = stage()
  const first = file.write(bytes)
  answers.shift()?.()
  await first
  place.local = true
  await t.rejects(file.write(bytes), { code: 'RI_ERR_MOUNT_GONE' })
  place.local = false
  const second = file.write(bytes)
  answers.shift()?.()
  await second
  t.strictSame(written, [true, true])
})
