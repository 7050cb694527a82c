import t from 'tap'
import { boundedManifestFile } from '../../src/services/io/bounded-manifest-file.js'
import type { ManifestFile } from '../../src/services/io/manifest-file.js'

/** A manifest's file whose calls are answered when they are told to be. */
function stage({ canHang = true, local = false } = {}) {
  const answers: (() => void)[] = []
  const written: boolean[] = []
  const place = { local }
  const hang = <T>(answer: () => T) => new Promise<T>((resolve) => answers.push(() => resolve(answer())))
  const write = (isWanted?: () => boolean) => hang(() => void written.push(isWanted?.() ?? false))
  const real: ManifestFile = {
    stamps: () => hang(() => ({ manifest: 'a stamp', status: undefined })),
    read: () => hang(() => ({ state: 'missing' as const, reason: 'gone', stamp: 'a stamp' })),
    readStatus: () => hang(() => undefined),
    write: (_bytes, _replacement, isWanted) => write(isWanted).then(() => 'a stamp'),
    writeStatus: (_status, _manifest, isWanted) => write(isWanted),
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
  const file = boundedManifestFile(real, bounds)
  const put = () => file.write(Buffer.alloc(0), { began, keepsAside: false, placing() {} })
  return { file, put, answers, written, place }
}

const began = { manifest: undefined, status: undefined }

t.test('a call that is late is not waited for, and until it is answered there is no other', async (t) => {
  const { file, put, answers } = stage()
  t.strictSame(await file.stamps(), began)
  t.match(await file.read(), { state: 'late' })
  t.equal(await file.readStatus(), undefined)
  await t.rejects(put(), { code: 'RI_ERR_LATE' })
  await t.rejects(file.sweep(), { code: 'RI_ERR_LATE' })
  t.equal(answers.length, 1, 'one call is owed, and no more are made')
  answers.shift()?.()
  await new Promise(setImmediate)
  const stamps = file.stamps()
  answers.shift()?.()
  t.match(await stamps, { manifest: 'a stamp' })
})

t.test('a write that is late is called off before it takes the place', async (t) => {
  const { put, answers, written } = stage()
  await t.rejects(put(), { code: 'RI_ERR_LATE' })
  answers.shift()?.()
  await new Promise(setImmediate)
  t.strictSame(written, [false])
  const second = put()
  answers.shift()?.()
  await second
  t.strictSame(written, [false, true])
})

t.test('where calls can not hang they are waited for', async (t) => {
  const { put, answers } = stage({ canHang: false, local: true })
  const write = put()
  await new Promise((resolve) => setTimeout(resolve, 100))
  answers.shift()?.()
  await write
  t.pass('it took as long as it took')
})

t.test('nothing is written where the mount of the manifest fell away', async (t) => {
  const { put, answers, place, written } = stage()
  const first = put()
  answers.shift()?.()
  await first
  place.local = true
  await t.rejects(put(), { code: 'RI_ERR_MOUNT_GONE' })
  place.local = false
  const second = put()
  answers.shift()?.()
  await second
  t.strictSame(written, [true, true])
})
