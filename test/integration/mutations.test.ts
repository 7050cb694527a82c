import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { openManifest } from '../../src/services/open-manifest.js'
import { dose, rounds } from '../dose.js'
import { plant, Service, scratch, until } from '../support.js'

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const at = (bytes: Buffer, share: number) => Math.floor(share * bytes.length)
type Mutation = (bytes: Buffer) => Buffer

const flip = fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
  ([share, bit]): Mutation =>
    (bytes) => {
      const byte = at(bytes, share)
      bytes[byte] = (bytes[byte] as number) ^ (1 << bit)
      return bytes
    }
)
const cut = place.map(
  (share): Mutation =>
    (bytes) =>
      bytes.subarray(0, at(bytes, share))
)
const behead = place.map(
  (share): Mutation =>
    (bytes) =>
      bytes.subarray(1 + at(bytes, share))
)
const insert = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
  ([share, more]): Mutation =>
    (bytes) => {
      return Buffer.concat([bytes.subarray(0, at(bytes, share)), more, bytes.subarray(at(bytes, share))])
    }
)
const blank = fc.tuple(place, place).map(
  ([a, b]): Mutation =>
    (bytes) =>
      bytes.fill(0, at(bytes, Math.min(a, b)), 1 + at(bytes, Math.max(a, b)))
)
const anything = fc.uint8Array({ maxLength: 3000 }).map(
  (other): Mutation =>
    () =>
      Buffer.from(other)
)
const anyJson = fc.json().map(
  (text): Mutation =>
    () =>
      Buffer.from(text)
)
const swapHalves = place.map(
  (share): Mutation =>
    (bytes) =>
      Buffer.concat([bytes.subarray(at(bytes, share)), bytes.subarray(0, at(bytes, share))])
)
const twice = fc.constant<Mutation>((bytes) => Buffer.concat([bytes, bytes]))
/** Edits that leave it JSON: other values, keys lost, entries lost, doubled or exchanged. */
const edit = fc.constantFrom<Mutation>(
  ...[
    (m: Parsed) => ({ ...m, version: 2 }),
    (m: Parsed) => ({ ...m, count: m.count + 1 }),
    (m: Parsed) => ({ ...m, etag: 'f'.repeat(64) }),
    (m: Parsed) => ({ ...m, reports: m.reports.slice(1) }),
    (m: Parsed) => ({ ...m, reports: [...m.reports, m.reports[0]] }),
    (m: Parsed) => ({ ...m, reports: m.reports.toReversed() }),
    (m: Parsed) => ({ ...m, reports: m.reports.map((report) => ({ ...report, title: 'Not so' })) }),
    (m: Parsed) => ({ ...m, reports: {} }),
    (m: Parsed) => ({ ...m, bases: null }),
    (m: Parsed) => ({
      version: m.version,
      etag: m.etag,
      count: m.count,
      bases: m.bases,
      generatedAt: m.generatedAt,
      reports: []
    }),
    (m: Parsed) => [m]
  ].map(
    (change): Mutation =>
      (bytes) =>
        Buffer.from(JSON.stringify(change(JSON.parse(bytes.toString()))))
  )
)

interface Parsed {
  version: number
  etag: string
  count: number
  generatedAt: string
  bases: unknown
  reports: object[]
}

t.test('whatever stands in the place of the manifest, the listing is right, and it is healed', async (t) => {
  const folder = scratch(t, { 'a/': '' })
  plant(
    folder,
    Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`a/${i % 5}/${i}.md`, `---\ntitle: "T ${i}"\n---\n`])
    )
  )
  const manifest = join(folder, 's/m.json')
  const args = ['--base', `a=${folder}/a`, '--manifest', manifest, '--refresh', '0']
  const start = async () => {
    const started = await Service.start(args)
    t.teardown(() => started.stop('SIGKILL'))
    return started
  }
  let service = await start()
  await service.rebuild()
  const good = fs.readFileSync(manifest)
  const listing = await (await fetch(`${service.url}/reports-index`)).text()
  const mutation = fc.oneof(
    flip,
    flip,
    cut,
    behead,
    insert,
    blank,
    anything,
    anyJson,
    swapHalves,
    twice,
    edit
  )
  const plan = fc.record({
    mutation,
    /** Written over, or put in its place by a rename. */
    rename: fc.boolean(),
    /** Whether the service that meets it knows no listing yet. */
    cold: fc.integer({ min: 0, max: 24 }).map((n) => n === 0)
  })
  const isWhole = () => openManifest(fs.readFileSync(manifest))?.snapshot.body.toString() === listing
  let damages = 0
  /** What is written over in place is emptied first, and may be met so: two damages. */
  let inPlace = 0
  let lines = 0
  for (const [round, { mutation: mutate, rename, cold }] of rounds(t, plan, dose(80, 1200)).entries()) {
    const bytes = Buffer.from(mutate(Buffer.from(good)))
    if (bytes.equals(good)) continue
    if (cold) await service.stop()
    if (rename) {
      fs.writeFileSync(join(folder, 'other'), bytes)
      fs.renameSync(join(folder, 'other'), manifest)
    } else {
      fs.writeFileSync(manifest, bytes)
      inPlace++
    }
    damages++
    if (cold) {
      lines += damagesTold(service)
      service = await start()
    }
    for (const time of ['first', 'second']) {
      const answer = await fetch(`${service.url}/reports-index`)
      const text = await answer.text()
      if (answer.status !== 200 || text !== listing) {
        t.fail(`round ${round}, ${time}: ${answer.status}`, {
          mutate: String(mutate),
          bytes: bytes.toString('base64')
        })
        return
      }
    }
    await until(isWhole)
    await until(async () => (await service.health()).status === 'ok')
  }
  t.pass(`${damages} damages, and each time the right listing`)
  lines += damagesTold(service)
  t.ok(lines <= damages + inPlace, `${lines} lines of the log tell of them`)
  t.ok(lines > damages / 2)
})

function damagesTold({ stderr }: Service): number {
  return stderr.split('the manifest can not be used').length - 1
}
