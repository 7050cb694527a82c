import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { BaseScanner } from '../../src/scan/base-scanner.js'
import { isPlaceUncertain } from '../../src/scan/manifest-place.js'
import { type Mount, readMounts } from '../../src/scan/mounts.js'
import { findOverlaps } from '../../src/scan/overlap.js'
import { basePlaceOf, placeAt } from '../../src/scan/place.js'
import type { Status } from '../../src/schemas/manifest.js'
import { isMoved, placeDigest } from '../../src/services/base-place.js'
import { Builder, type BuilderPorts } from '../../src/services/builder.js'
import { notWritten as whyNotWritten } from '../../src/services/errors.js'
import { manifestFile } from '../../src/services/io/manifest-file.js'
import { stagedPath, thisWriter, type Writer } from '../../src/services/io/staged-file.js'
import { type Job, refresh } from '../../src/services/job.js'
import { listingSettingsOf } from '../../src/services/listing-settings.js'
import { encodeManifest, type Snapshot } from '../../src/services/manifest.js'
import { openManifest } from '../../src/services/open-manifest.js'
import { noRows } from '../../src/services/rows.js'
import { makeSelect } from '../../src/services/select.js'
import { type Made, NO_STAMP, track } from '../../src/services/tracked.js'
import { plant, scratch, settingsFor } from '../support.js'

/** A builder over real folders, at a time of its own: 2 000 s ahead, so that files are old enough to trust. */
function builderOver(
  folder: string,
  names: string[],
  texts = {},
  over: Partial<BuilderPorts> = {},
  mounts = readMounts
) {
  const settings = settingsFor(folder, names, texts)
  const select = makeSelect(settings.include, settings.exclude)
  const clock = { now: Date.now() + 2_000_000 }
  const now = () => clock.now
  const scanners = settings.bases.map(
    (base) =>
      new BaseScanner({
        base,
        select,
        manifest: settings.manifest,
        limit: () => 4,
        timeoutMs: 1000,
        now,
        mounts
      })
  )
  const served: { snapshot?: Snapshot } = {}
  const real = new Builder({
    scanners,
    overlaps: () => findOverlaps(settings.bases),
    select,
    maxDrop: settings.maxDrop,
    settings: listingSettingsOf(settings),
    manifest: manifestFile({
      path: settings.manifest,
      keep: () => settings.bases.map(({ root }) => root),
      now,
      canHang: () => false,
      placeLock: (work) => work()
    }),
    lastGood: async () => served.snapshot,
    tick: () => `here:${clock.now}`,
    now,
    progress() {},
    warn() {},
    placing() {},
    ...over
  })
  const builder = { build: async (job: Job) => (await real.covered(job)) ?? (await real.build(job)) }
  return { builder, real, clock, served, manifest: settings.manifest }
}

const fileAt = (path: string, canHang = false) =>
  manifestFile({
    path,
    keep: () => [],
    now: Date.now,
    canHang: () => canHang,
    placeLock: (work) => work()
  })

const titlesIn = (manifest: string) => {
  const opened = openManifest(fs.readFileSync(manifest))
  return (
    opened &&
    JSON.parse(opened.snapshot.body.toString())
      .reports.map(({ title }: { title: string }) => title)
      .toSorted()
  )
}

t.test('the first build makes the folder, the manifest and its companion', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { x: { 'two.md': '# Two' } } })
  const { builder, manifest } = builderOver(folder, ['a', 'b'])
  const { result, status, notWritten } = await builder.build(refresh)
  t.equal(notWritten, undefined)
  t.match(result, { count: 2, added: 2, updated: 0, removed: 0, unchanged: 0, filesRead: 2, warnings: [] })
  t.match(result.bases, [
    { name: 'a', status: 'ok', count: 1, error: null },
    { name: 'b', status: 'ok', count: 1 }
  ])
  t.strictSame(
    result.steps.map(({ name }) => name),
    ['load', 'scan', 'reconcile', 'save']
  )
  t.strictSame(titlesIn(manifest), ['One', 'Two'])
  t.strictSame(
    JSON.parse(fs.readFileSync(join(folder, 'state/m.status.json'), 'utf8')),
    JSON.parse(JSON.stringify(status))
  )
  t.strictSame(fs.readdirSync(join(folder, 'state')), ['m.json', 'm.status.json'])
})

t.test(
  'a build that finds nothing changed leaves the manifest as it is, though its files were fresh at first',
  async (t) => {
    const folder = t.testdir({ a: { 'one.md': '# One', 'two.md': '# Two' } })
    const first = builderOver(folder, ['a'])
    first.clock.now = Date.now()
    await first.builder.build(refresh)
    const bytes = fs.readFileSync(first.manifest)
    const { ino, mtimeMs } = fs.statSync(first.manifest)
    const second = builderOver(folder, ['a'])
    t.match(
      (await second.builder.build(refresh)).result,
      { unchanged: 2, filesRead: 2 },
      'fresh files are read again'
    )
    t.match((await second.builder.build(refresh)).result, { unchanged: 2, filesRead: 0 }, 'once')
    t.match(
      (await builderOver(folder, ['a']).builder.build(refresh)).result,
      { filesRead: 0 },
      'and known as settled by others'
    )
    t.strictSame(fs.readFileSync(first.manifest), bytes)
    t.match(fs.statSync(first.manifest), { ino, mtimeMs })
  }
)

t.test(
  'a listing that comes back keeps no trace of what was between, but the moment it was written',
  async (t) => {
    const folder = t.testdir({ a: { 'one.md': '# One' } })
    const { builder, clock } = builderOver(folder, ['a'])
    const first = await builder.build(refresh)
    clock.now += 1000
    fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
    const second = await builder.build(refresh)
    t.not(second.result.etag, first.result.etag)
    clock.now += 1000
    fs.rmSync(join(folder, 'a/two.md'))
    const third = await builder.build(refresh)
    t.equal(third.result.etag, first.result.etag)
    t.equal(third.listing.generatedAt, new Date(clock.now).toISOString())
  }
)

t.test('added, updated, removed and unchanged are told apart', async (t) => {
  const folder = t.testdir({
    a: { 'one.md': '# One', 'two.md': '# Two', 'three.md': '# Three', 'four.md': '# Four' }
  })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  fs.writeFileSync(join(folder, 'a/one.md'), '# Uno')
  fs.rmSync(join(folder, 'a/two.md'))
  fs.renameSync(join(folder, 'a/three.md'), join(folder, 'a/drei.md'))
  const { result } = await builder.build(refresh)
  t.match(result, { count: 3, added: 1, updated: 1, removed: 2, unchanged: 1 })
  t.strictSame(titlesIn(manifest), ['Four', 'Three', 'Uno'])
})

t.test('a build by paths looks at these alone, and believes their removal', async (t) => {
  const folder = t.testdir({
    a: { 'one.md': '# One', 'two.md': '# Two' },
    b: { 'x.md': '# X', 'y.md': '# Y' }
  })
  const { builder, manifest } = builderOver(folder, ['a', 'b'])
  await builder.build(refresh)
  plant(folder, { 'a/one.md': '# Uno', 'a/two.md': '# Due', 'a/new.md': '# Nuovo' })
  fs.rmSync(join(folder, 'b/x.md'))
  const paths = [
    { base: 'a', rel: 'one.md' },
    { base: 'a', rel: 'new.md' },
    { base: 'b', rel: 'x.md' }
  ]
  const { result } = await builder.build({ mode: 'paths', paths, acceptRemovals: [] })
  t.match(result, { count: 4, added: 1, updated: 1, removed: 1, unchanged: 2, filesRead: 2 })
  t.strictSame(titlesIn(manifest), ['Nuovo', 'Two', 'Uno', 'Y'])
  t.match(result.bases, [
    { name: 'a', status: 'ok', count: 3 },
    { name: 'b', status: 'ok', count: 1 }
  ])
})

t.test('where nothing is known yet, a build by paths looks at all', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'two.md': '# Two' } })
  const { builder } = builderOver(folder, ['a'])
  const { result } = await builder.build({
    mode: 'paths',
    paths: [{ base: 'a', rel: 'one.md' }],
    acceptRemovals: []
  })
  t.equal(result.count, 2)
})

t.test('a base that is away keeps its entries, and heals by itself', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  const { builder, manifest } = builderOver(folder, ['a', 'b'])
  await builder.build(refresh)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  fs.writeFileSync(join(folder, 'b/three.md'), '# Three')
  const { result } = await builder.build(refresh)
  t.match(result.bases, [
    { name: 'a', status: 'unavailable', error: 'it does not exist (ENOENT)', count: 1 },
    { name: 'b', status: 'ok', count: 2 }
  ])
  t.strictSame(titlesIn(manifest), ['One', 'Three', 'Two'])
  const again = builderOver(folder, ['a', 'b'])
  t.equal((await again.builder.build(refresh)).result.count, 3, 'in a new process, too')
  fs.renameSync(join(folder, 'away'), join(folder, 'a'))
  t.match((await builder.build(refresh)).result.bases, [{ status: 'ok' }, { status: 'ok' }])
})

const named = (rel: string): Job => ({ mode: 'paths', paths: [{ base: 'a', rel }], acceptRemovals: [] })

t.test('a removed report that is named is believed where the base answers', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'two.md': '# Two' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  fs.rmSync(join(folder, 'a/one.md'))
  await builder.build(named('one.md'))
  t.strictSame(titlesIn(manifest), ['Two'])
})

t.test('naming a report takes nothing away where the base itself does not answer', async (t) => {
  const away: Record<string, (root: string) => void> = {
    'it is missing': () => {},
    'a file is in its place': (root) => fs.writeFileSync(root, ''),
    'it is a link that leads nowhere': (root) => fs.symlinkSync('nowhere', root),
    'it looks empty': (root) => fs.mkdirSync(root),
    'it holds nothing that could be a report': (root) => plant(root, { 'x.bin': '', '_state/m.json': '' })
  }
  for (const [what, put] of Object.entries(away)) {
    const folder = scratch(t, { 'a/one.md': '# One', 'a/two.md': '# Two' })
    const { builder, manifest } = builderOver(folder, ['a'])
    await builder.build(refresh)
    fs.rmSync(join(folder, 'a'), { recursive: true })
    put(join(folder, 'a'))
    await builder.build(named('one.md'))
    t.strictSame(titlesIn(manifest), ['One', 'Two'], what)
  }
})

t.test('an emptied base is suspect until its loss is accepted', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  fs.rmSync(join(folder, 'a/one.md'))
  t.match((await builder.build(refresh)).result, {
    count: 1,
    removed: 0,
    bases: [{ status: 'suspect', count: 1 }]
  })
  t.match((await builder.build({ ...refresh, mode: 'full' })).result, { bases: [{ status: 'suspect' }] })
  t.match((await builder.build({ ...refresh, acceptRemovals: ['a'] })).result, {
    count: 0,
    removed: 1,
    bases: [{ status: 'ok' }]
  })
  t.strictSame(titlesIn(manifest), [])
  t.match((await builder.build(refresh)).result, { bases: [{ status: 'ok' }] })
})

t.test('what the rules do not take any more goes without doubt', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.txt`, '']))
  const folder = t.testdir({ a: { ...files, 'one.md': '# One' } })
  await builderOver(folder, ['a']).builder.build(refresh)
  const { result } = await builderOver(folder, ['a'], { include: '*.md' }).builder.build(refresh)
  t.match(result, { count: 1, bases: [{ status: 'ok' }] })
})

t.test('a base that is moved to another folder is that folder, once it answers', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.md`, '']))
  const folder = t.testdir({ a: files, other: { 'x.md': '# X' }, gone: {} })
  const at = (path: string) =>
    builderOver(folder, ['a'], { bases: `a=${join(folder, path)}` }).builder.build(refresh)
  await at('a')
  t.match((await at('nowhere')).result, { count: 40, bases: [{ status: 'unavailable' }] })
  t.match((await at('gone')).result, { count: 40, bases: [{ status: 'suspect' }] })
  const moved = await at('other')
  t.match(moved, { moved: ['a'], result: { count: 1, bases: [{ status: 'ok' }] } })
  t.strictSame((await at('other')).moved, [], 'it is told once')
})

t.test('the same folder by another path is no move, and keeps its guard', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}.md`, '']))
  const folder = t.testdir({ a: files })
  const disk = { point: '/', type: 'ext4', device: '8:1', root: '/', source: 'x' }
  const alias = { ...disk, point: '/reports', root: join(folder, 'a') }
  const inContainer = isMoved(
    { root: placeDigest(join(folder, 'a')), mount: basePlaceAt(join(folder, 'a'), [disk]).id as string },
    basePlaceAt('/reports', [{ ...disk, type: 'overlay' }, alias])
  )
  t.notOk(inContainer)
  t.ok(isMoved({ root: placeDigest('/x'), mount: 'other' }, basePlaceAt('/reports', [disk, alias])))
})

const basePlaceAt = (path: string, mounts: Mount[]) =>
  basePlaceOf(placeAt(path, mounts), mounts, makeSelect(['**'], []))

t.test('a base that leaves the settings stays in the listing until it is forgotten', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  await builderOver(folder, ['a', 'b']).builder.build(refresh)
  const alone = builderOver(folder, ['b'])
  const told = await alone.builder.build(refresh)
  t.match(told.result, { count: 2, removed: 0, bases: [{ name: 'b' }] })
  t.equal(told.result.bases.length, 1)
  t.match(told.otherSettings, [
    /the base a, which is none of the bases here: its 1 reports .* --forget-base a/
  ])
  t.match((await alone.builder.build({ ...refresh, mode: 'full' })).result, { count: 2 })
  const forgot = await alone.builder.build({ ...refresh, forgetBases: ['a'] })
  t.match(forgot.result, { count: 1, removed: 1 })
  t.strictSame((await alone.builder.build(refresh)).otherSettings, [])
  const both = builderOver(folder, ['b', 'a'])
  t.match((await both.builder.build(refresh)).result, { count: 2 })
})

t.test('what is known of an absent base outlives builds that do not have it', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  await builderOver(folder, ['a', 'b']).builder.build(refresh)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  await builderOver(folder, ['b']).builder.build(refresh)
  fs.writeFileSync(join(folder, 'b/three.md'), '# Three')
  await builderOver(folder, ['b']).builder.build(refresh)
  const { result } = await builderOver(folder, ['a', 'b']).builder.build(refresh)
  t.match(result, { count: 3, bases: [{ name: 'a', status: 'unavailable', count: 1 }, { count: 2 }] })
})

t.test('a build with other rules says which ones, once', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'two.txt': '' } })
  await builderOver(folder, ['a']).builder.build(refresh)
  const other = builderOver(folder, ['a'], { exclude: '*.txt', maxDrop: '40%' })
  t.match((await other.builder.build(refresh)).otherSettings, [
    'the manifest was made with another REPORTS_INDEX_EXCLUDE (--exclude)',
    'the manifest was made with another REPORTS_INDEX_MAX_DROP (--max-drop)'
  ])
  t.strictSame((await other.builder.build(refresh)).otherSettings, [])
})

t.test('a build with other rules covers no request', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'two.txt': '' } })
  const [mine, other] = [builderOver(folder, ['a']), builderOver(folder, ['a'], { exclude: '*.txt' })]
  await mine.builder.build(refresh)
  const askedAt = `here:${mine.clock.now}` as const
  other.clock.now = mine.clock.now + 10
  await other.builder.build(refresh)
  mine.clock.now += 20
  t.match((await mine.builder.build({ ...refresh, askedAt })).result, { count: 2 })
})

t.test('of bases that overlap since one came back, the later is left out, and said so', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  fs.symlinkSync('a', join(folder, 'b'))
  const { result } = await builderOver(folder, ['a', 'b']).builder.build(refresh)
  t.match(result, {
    count: 1,
    bases: [{ status: 'ok' }, { status: 'unavailable', error: 'it overlaps the base a' }]
  })
})

t.test('a manifest that was lost or damaged is written again from what is known', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const bytes = fs.readFileSync(manifest)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  for (const damage of [
    () => fs.rmSync(manifest),
    () => fs.truncateSync(manifest, 100),
    () => fs.writeFileSync(manifest, '{}')
  ]) {
    damage()
    t.match((await builder.build(refresh)).result, { count: 1, bases: [{ status: 'unavailable' }] })
    t.strictSame(fs.readFileSync(manifest).length, bytes.length)
  }
})

t.test('a manifest that was damaged without a trace in its stamp is mended by who is told so', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const bytes = fs.readFileSync(manifest)
  const file = fileAt(manifest)
  const stamps = async () => ({ ...(await file.stamps()), manifest: 'the same' })
  const read = async () => ({ ...(await file.read()), stamp: 'the same' })
  const write: typeof file.write = async (bytes, replacement) => {
    await file.write(bytes, { ...replacement, began: await file.stamps() })
    return 'the same'
  }
  const writeStatus: typeof file.writeStatus = async (status) =>
    file.writeStatus(status, (await file.stamps()).manifest)
  const manifestOf = { ...file, stamps, read, write, writeStatus }
  const blind = builderOver(folder, ['a'], {}, { manifest: manifestOf })
  await blind.builder.build({ ...refresh, mend: true })
  await blind.builder.build(refresh)
  for (const job of [
    { ...refresh, mend: true },
    { ...refresh, mode: 'full' as const }
  ]) {
    fs.writeFileSync(manifest, bytes.toString().replace('One', 'Two'))
    await blind.builder.build(refresh)
    t.notOk(fs.readFileSync(manifest).equals(bytes), 'a refresh trusts the stamp')
    await blind.builder.build(job)
    t.strictSame(fs.readFileSync(manifest), bytes)
  }
})

t.test('a manifest that can not be written is told by its code, and tried again', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, state: 'a file where the folder should be' })
  const { builder } = builderOver(folder, ['a'])
  t.match(await builder.build(refresh), { notWritten: 'EEXIST', listing: { count: 1 } })
  fs.rmSync(join(folder, 'state'))
  t.equal((await builder.build(refresh)).notWritten, undefined)
})

t.test('the folder of the manifest is made, a base never is', async (t) => {
  const folder = t.testdir({})
  const { builder } = builderOver(folder, ['a'], { manifest: join(folder, 'a/_state/m.json') })
  t.match(await builder.build(refresh), {
    notWritten: 'ENOENT',
    result: { bases: [{ status: 'unavailable' }] }
  })
  t.strictSame(fs.readdirSync(folder), [])
})

t.test('what dead writers left is swept, and nothing else', async (t) => {
  const mine = thisWriter
  const dead = deadPid()
  const name = (writer: Partial<Writer>, file = 'm.json') =>
    basename(stagedPath(join('/', file), { ...mine, ...writer }))
  const keep = {
    'm.json.bak': '',
    'm.json.0': 'a backup',
    '.m.json.new': '',
    '.m.json.0123.new': '',
    '.m.json.aaaaaaaa-aaaaaaaa-aaaaaaaa.new': 'of a writer on another host',
    [name({ host: 'aaaaaaaa' })]: 'of one on another host',
    [name({ namespace: 'aaaaaaaa', pid: dead })]: 'of one in another container',
    [name({ pid: process.ppid })]: 'of one that lives',
    '.m.json.bbbbbbbb-bbbbbbbb-bbbbbbbb.new.7x': '',
    [name({ pid: dead }, 'other.json')]: ''
  }
  const old = '.m.json.dddddddd-dddddddd-dddddddd.new'
  const left = {
    [name({ pid: dead })]: 'cut sho',
    [`${name({ pid: dead })}.4294967295`]: '',
    [name({})]: 'of this process, which writes nothing now',
    [name({ run: 'aaaaaaaa', namespace: 'aaaaaaaa' })]: 'of an earlier run of this host',
    [name({ pid: dead }, 'm.status.json')]: '',
    [old]: 'of a host that is gone long since'
  }
  const folder = t.testdir({ a: {}, state: { ...keep, ...left } })
  const { builder, clock } = builderOver(folder, ['a'])
  clock.now = Date.now()
  fs.utimesSync(join(folder, 'state', old), 1_700_000_000, 1_700_000_000)
  await builder.build(refresh)
  const names = fs.readdirSync(join(folder, 'state')).toSorted()
  t.strictSame(names, ['m.json', 'm.status.json', ...Object.keys(keep)].toSorted())
})

/** The id of a process that has ended. */
function deadPid(): number {
  return spawnSync('true').pid
}

t.test('a write that is lost without an error is not taken for done', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const before = fs.readFileSync(manifest)
  fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
  // What is written to the staged file comes to another end than what is read from it.
  const real = fs.openSync
  t.capture(fs, 'openSync', (path: string, ...rest: [number]) => {
    const fd = real(path, ...rest)
    if (path.includes('.m.json.') && path.endsWith('.new')) fs.writeFileSync(path, 'cut')
    return fd
  })
  t.match(await builder.build(refresh), { notWritten: 'RI_ERR_SHORT_WRITE' })
  t.strictSame(fs.readFileSync(manifest), before)
  t.strictSame(fs.readdirSync(join(folder, 'state')), ['m.json', 'm.status.json'])
})

t.test('warnings of a base that was not looked at stay told', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '---\ntitle: a: b\n---' }, b: { 'x.md': '' } })
  const { builder } = builderOver(folder, ['a', 'b'])
  await builder.build(refresh)
  const { result } = await builder.build({
    mode: 'paths',
    paths: [{ base: 'b', rel: 'x.md' }],
    acceptRemovals: []
  })
  t.match(result.warnings, [{ code: 'front-matter', base: 'a', rel: 'one.md', line: 2 }])
  plant(folder, { 'a/one.md': '# mended' })
  const paths = [{ base: 'a', rel: 'one.md' }]
  t.strictSame((await builder.build({ mode: 'paths', paths, acceptRemovals: [] })).result.warnings, [])
})

t.test('the same files give the same listing in any process', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', x: { 'two.md': '' } } })
  const first = await builderOver(folder, ['a']).builder.build(refresh)
  const second = await builderOver(folder, ['a'], { manifest: join(folder, 'other/m.json') }).builder.build(
    refresh
  )
  t.equal(first.result.etag, second.result.etag)
  t.strictSame(first.snapshot().body, second.snapshot().body)
})

t.test('a new builder without a manifest goes on from the last good listing that it is given', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  const { snapshot } = await builder.build(refresh)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  fs.rmSync(manifest)
  const fresh = builderOver(folder, ['a'])
  fresh.served.snapshot = snapshot()
  const { result } = await fresh.builder.build({ ...refresh, mend: true })
  t.match(result, { count: 1, bases: [{ status: 'unavailable', count: 1 }] })
  t.strictSame(titlesIn(manifest), ['One'])
})

t.test('what is served is newer than what a builder remembers', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const [mine, other] = [builderOver(folder, ['a']), builderOver(folder, ['a'])]
  await mine.builder.build(refresh)
  fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
  const { snapshot } = await other.builder.build(refresh)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  fs.rmSync(mine.manifest)
  mine.served.snapshot = snapshot()
  t.match((await mine.builder.build({ ...refresh, mend: true })).result, {
    count: 2,
    bases: [{ count: 2 }]
  })
  t.strictSame(titlesIn(mine.manifest), ['One', 'Two'])
  fs.renameSync(join(folder, 'away'), join(folder, 'a'))
  t.match((await mine.builder.build(refresh)).result, { filesRead: 1 }, 'the one that it did not remember')
})

t.test('what leaves with its base counts as removed', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '' }, b: { 'two.md': '', 'three.md': '' } })
  await builderOver(folder, ['a', 'b']).builder.build(refresh)
  const job = { ...refresh, forgetBases: ['b'] }
  t.match((await builderOver(folder, ['a']).builder.build(job)).result, { removed: 2, unchanged: 1 })
})

t.test(
  'a base that is a loop of links, or has a name too long, is unavailable and nothing more',
  async (t) => {
    const folder = t.testdir({ b: { 'one.md': '' } })
    fs.symlinkSync('a', join(folder, 'a'))
    const long = `long=${join(folder, 'x'.repeat(300))}`
    const bases = `a=${join(folder, 'a')},${long},b=${join(folder, 'b')}`
    const { result } = await builderOver(folder, ['b'], { bases }).builder.build(refresh)
    t.match(result, {
      count: 1,
      bases: [{ status: 'unavailable', error: /ELOOP/ }, { error: /ENAMETOOLONG/ }, { status: 'ok' }]
    })
  }
)

t.test('a manifest keeps its mode, and a new one has that of the umask', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  const umask = process.umask(0o027)
  t.teardown(() => process.umask(umask))
  await builder.build(refresh)
  t.equal(fs.statSync(manifest).mode & 0o7777, 0o640)
  fs.chmodSync(manifest, 0o604)
  fs.writeFileSync(join(folder, 'a/two.md'), '')
  await builder.build(refresh)
  t.equal(fs.statSync(manifest).mode & 0o7777, 0o604)
})

t.test('a FIFO or device in the place of the manifest is neither waited for nor replaced', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, state: {} })
  const { builder, manifest } = builderOver(folder, ['a'])
  execFileSync('mkfifo', [manifest])
  t.match(await builder.build(refresh), { notWritten: 'ENOTFILE', listing: { count: 1 } })
  t.ok(fs.statSync(manifest).isFIFO())
  fs.rmSync(manifest)
  t.match(await builder.build(refresh), { notWritten: undefined })
  t.strictSame(titlesIn(manifest), ['One'])
})

t.test(
  'a refresh that was asked for before another process began to look is covered by what that found',
  async (t) => {
    const folder = t.testdir({ a: { 'one.md': '# One' } })
    const [mine, other] = [builderOver(folder, ['a']), builderOver(folder, ['a'])]
    await mine.builder.build(refresh)
    const asked = { ...refresh, askedAt: `here:${mine.clock.now}` as const }
    fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
    other.clock.now = mine.clock.now + 10
    const { result } = await other.builder.build(refresh)
    fs.writeFileSync(join(folder, 'a/three.md'), '# Three')
    mine.clock.now += 20
    t.match((await mine.builder.build(asked)).result, {
      etag: result.etag,
      count: 2,
      added: 1,
      unchanged: 1,
      steps: []
    })
    const again = await mine.builder.build(asked)
    t.match(again.result, { added: 0, unchanged: 2 })
    t.equal(JSON.parse(again.snapshot().body.toString()).count, 2, 'its listing can be handed over')
    for (const more of [
      { mode: 'full' as const },
      { acceptRemovals: ['a'] },
      { mend: true },
      { askedAt: 'here:9000000000000000' as const }
    ]) {
      const job = { ...asked, ...more }
      t.equal(
        (await builderOver(folder, ['a']).builder.build(job)).result.steps.length,
        4,
        `not so ${JSON.stringify(more)}`
      )
    }
  }
)

t.test('a build of single files covers no refresh, nor does one of another start of the host', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const [mine, other] = [builderOver(folder, ['a']), builderOver(folder, ['a'])]
  await mine.builder.build(refresh)
  const askedAt = `here:${mine.clock.now}` as const
  other.clock.now = mine.clock.now + 10
  await other.builder.build({ mode: 'paths', paths: [{ base: 'a', rel: 'one.md' }], acceptRemovals: [] })
  t.equal((await mine.builder.build({ ...refresh, askedAt })).result.steps.length, 4)
  await other.builder.build(refresh)
  t.equal((await mine.builder.build({ ...refresh, askedAt: 'there:1' })).result.steps.length, 4)
})

t.test('a companion of another listing settles nothing', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const first = builderOver(folder, ['a'])
  first.clock.now = Date.now()
  const { status } = await first.builder.build(refresh)
  t.equal(status.settled, false)
  const other = { ...status, settled: true, etag: '0'.repeat(64) }
  fs.writeFileSync(join(folder, 'state/m.status.json'), JSON.stringify(other))
  t.equal((await builderOver(folder, ['a']).builder.build(refresh)).result.filesRead, 1)
})

t.test(
  'a manifest by a process that knew nothing of an absent base is made whole by one that does',
  async (t) => {
    const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
    const mine = builderOver(folder, ['a', 'b'])
    const { snapshot } = await mine.builder.build(refresh)
    fs.renameSync(join(folder, 'a'), join(folder, 'away'))
    fs.rmSync(mine.manifest)
    t.match((await builderOver(folder, ['a', 'b']).builder.build(refresh)).result, { count: 1 })
    const made = fs.readFileSync(mine.manifest)
    t.match((await mine.builder.build(refresh)).result, {
      count: 2,
      removed: 0,
      unchanged: 2,
      bases: [{ count: 1 }, {}]
    })
    fs.writeFileSync(mine.manifest, made)
    const fresh = builderOver(folder, ['a', 'b'])
    fresh.served.snapshot = snapshot()
    t.match((await fresh.builder.build({ ...refresh, mend: true })).result, {
      count: 2,
      bases: [{ status: 'unavailable', count: 1 }, {}]
    })
    t.strictSame(titlesIn(mine.manifest), ['One', 'Two'])
  }
)

t.test('a loss is accepted only where it was told of', async (t) => {
  const folder = t.testdir({ a: {} })
  const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`a/${i}.md`, '']))
  plant(folder, files)
  const { builder, clock } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const remove = (from: number, to: number) => {
    for (let i = from; i < to; i++) fs.rmSync(join(folder, `a/${i}.md`))
  }
  remove(0, 40)
  const { result } = await builder.build(refresh)
  t.match(result, { count: 60, bases: [{ status: 'suspect', error: /40 of 60 reports are missing/ }] })
  const toldAt = Date.parse(result.startedAt)
  clock.now += 1000
  remove(40, 60)
  await builder.build(refresh)
  clock.now += 1000
  t.match((await builder.build({ ...refresh, acceptRemovals: ['a'], toldAt })).result, {
    count: 20,
    removed: 40,
    bases: [{ status: 'suspect', error: /all 20 reports are missing/ }]
  })
  t.match((await builder.build({ ...refresh, acceptRemovals: ['a'] })).result, { count: 0 })
})

t.test('a loss that is not told of yet is not accepted', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder } = builderOver(folder, ['a'])
  await builder.build(refresh)
  fs.rmSync(join(folder, 'a/one.md'))
  const accepted = { ...refresh, acceptRemovals: ['a'] }
  t.match((await builder.build(accepted)).result, { count: 1, bases: [{ status: 'suspect' }] })
  t.match((await builder.build(accepted)).result, { count: 0, bases: [{ status: 'ok' }] })
})

t.test('what is accepted of a base that does not answer is told', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder } = builderOver(folder, ['a'])
  await builder.build(refresh)
  fs.rmSync(join(folder, 'a'), { recursive: true })
  const { result } = await builder.build({ ...refresh, acceptRemovals: ['a'] })
  t.match(result, { count: 1, warnings: [{ code: 'not-accepted', base: 'a', rel: '' }] })
  t.strictSame((await builder.build(refresh)).result.warnings, [], 'once')
})

t.test('a base whose loss was accepted is not brought back', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  const mine = builderOver(folder, ['a', 'b'])
  const { snapshot } = await mine.builder.build(refresh)
  mine.served.snapshot = snapshot()
  fs.rmSync(join(folder, 'a/one.md'))
  const other = builderOver(folder, ['a', 'b'])
  await other.builder.build(refresh)
  await other.builder.build({ ...refresh, acceptRemovals: ['a'] })
  t.match((await mine.builder.build(refresh)).result, { count: 1, bases: [{ status: 'ok', count: 0 }, {}] })
})

t.test('a moment that is still to come covers no refresh', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, clock } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const companion = join(folder, 'state/m.status.json')
  const status = JSON.parse(fs.readFileSync(companion, 'utf8'))
  fs.writeFileSync(companion, JSON.stringify({ ...status, scanBegan: 'here:9999999999999999' }))
  fs.writeFileSync(join(folder, 'a/two.md'), '')
  t.match((await builder.build({ ...refresh, askedAt: `here:${clock.now}` })).result, { count: 2 })
})

t.test('a manifest with a sound seal whose lines can not be understood is mended', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const bad = track({} as never, NO_STAMP, true)
  bad.made = { ...(bad.made as Made), line: 'not json at all' }
  fs.writeFileSync(
    manifest,
    encodeManifest([bad], [{ name: 'a', count: 1 }], noRows, () => '2026-06-09T00:00:00.000Z').bytes
  )
  t.match(await builderOver(folder, ['a']).builder.build(refresh), {
    notWritten: undefined,
    result: { count: 1 }
  })
  t.strictSame(titlesIn(manifest), ['One'])
})

t.test('what is built without the lock is handed over, and not written', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { real, builder, manifest } = builderOver(folder, ['a'])
  t.match(await real.build(refresh, false), { notWritten: 'RI_ERR_LOCKED', listing: { count: 1 } })
  t.notOk(fs.existsSync(manifest))
  t.match(await builder.build(refresh), { notWritten: undefined })
})

t.test(
  'a folder of a mount that went away is believed gone, also where the companion can not be written',
  async (t) => {
    const folder = t.testdir({ a: { x: { 'one.md': '# One' }, 'two.md': '' } })
    const mounts = () => [{ point: '/', type: 'fuse.rclone', device: '0:1', root: '/', source: 'r:' }]
    const file = fileAt(join(folder, 'state/m.json'), true)
    let full = false
    const writeStatus = async (status: Status, stamp: string | undefined) => {
      if (full) throw Object.assign(new Error('no'), { code: 'ENOSPC' })
      await file.writeStatus(status, stamp)
    }
    const { builder, clock } = builderOver(folder, ['a'], {}, { manifest: { ...file, writeStatus } }, mounts)
    await builder.build(refresh)
    full = true
    fs.rmSync(join(folder, 'a/x'), { recursive: true })
    t.match((await builder.build(refresh)).result, { count: 2, warnings: [{ code: 'suspect-folder' }] })
    clock.now += 61_000
    t.match((await builder.build(refresh)).result, { count: 1 })
  }
)

t.test('the accepted removal of the last report of a base is not undone', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  const mine = builderOver(folder, ['a', 'b'])
  const other = builderOver(folder, ['a', 'b'])
  const { snapshot } = await mine.builder.build(refresh)
  mine.served.snapshot = snapshot()
  other.served.snapshot = snapshot()
  fs.rmSync(join(folder, 'a/one.md'))
  t.match((await other.builder.build(refresh)).result, { count: 2, bases: [{ status: 'suspect' }, {}] })
  t.match((await other.builder.build(named('one.md'))).result, { count: 2, removed: 0 }, 'it looks empty')
  t.match((await other.builder.build({ ...refresh, acceptRemovals: ['a'] })).result, { count: 1, removed: 1 })
  t.match((await mine.builder.build(refresh)).result, { count: 1, bases: [{ count: 0 }, {}] })
  t.match((await mine.builder.build({ ...refresh, mend: true })).result, { count: 1 })
})

t.test('a base that was never seen is not asked after for ever', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a', 'gone'])
  await builder.build(refresh)
  const bytes = fs.readFileSync(manifest)
  await builder.build(refresh)
  await builderOver(folder, ['a', 'gone']).builder.build(refresh)
  t.strictSame(fs.readFileSync(manifest), bytes)
  fs.mkdirSync(join(folder, 'gone'))
  await builder.build(refresh)
  t.match(JSON.parse(fs.readFileSync(manifest, 'utf8')).bases[1], { name: 'gone', count: 0, seen: true })
})

t.test('a manifest that gave no answer is not replaced by one that knows less', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const bytes = fs.readFileSync(manifest)
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  const file = fileAt(manifest)
  const read = async () => ({ state: 'late' as const, reason: 'no answer', stamp: undefined })
  const fresh = builderOver(folder, ['a'], {}, { manifest: { ...file, read } })
  t.match(await fresh.builder.build(refresh), { notWritten: 'RI_ERR_LATE', listing: { count: 0 } })
  t.strictSame(fs.readFileSync(manifest), bytes)
})

t.test(
  'bases that are walked side by side, and wait for parsers, leave the process in none of them',
  async (t) => {
    const folder = t.testdir({
      a: { x: { 'a.md': '# *a*' } },
      b: { 'b.md': '---\ntitle: "a\\n"\n---\n', 'c.md': '# [c]' }
    })
    const cwd = process.cwd()
    t.teardown(() => process.chdir(cwd))
    const { builder } = builderOver(folder, ['a', 'b'])
    await builder.build(refresh)
    t.equal(process.cwd(), '/')
    fs.rmSync(join(folder, 'a/x'), { recursive: true })
    fs.writeFileSync(join(folder, 'a/n.md'), '# new')
    t.match((await builder.build(refresh)).result, {
      added: 1,
      removed: 1,
      bases: [{ status: 'ok' }, { status: 'ok' }]
    })
  }
)

t.test('the folder that the process was started in may go', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, gone: {} })
  const cwd = process.cwd()
  t.teardown(() => process.chdir(cwd))
  const { builder } = builderOver(folder, ['a'])
  process.chdir(join(folder, 'gone'))
  fs.rmdirSync(join(folder, 'gone'))
  t.match((await builder.build(refresh)).result, { added: 1, bases: [{ status: 'ok' }] })
})

t.test(
  'what cannot be used is kept aside, one file of it, and what it tells of absent bases is taken over',
  async (t) => {
    const damages: Record<string, (text: string) => string> = {
      'of another version': (text) => text.replace('"version":1', '"version":2'),
      'with a changed title': (text) => text.replace('"title":"One"', '"title":"Uno"'),
      'cut short': (text) => text.slice(0, text.indexOf('"stamps"'))
    }
    for (const [what, damage] of Object.entries(damages)) {
      const folder = scratch(t, { 'far/one.md': '# One', 'far/two.md': '# Two', 'near/three.md': '# Three' })
      const first = builderOver(folder, ['far', 'near'])
      await first.builder.build(refresh)
      const bad = damage(fs.readFileSync(first.manifest, 'utf8'))
      fs.writeFileSync(first.manifest, bad)
      fs.renameSync(join(folder, 'far'), join(folder, 'away'))
      const { result } = await builderOver(folder, ['far', 'near']).builder.build(refresh)
      t.match(
        result,
        { count: 3, bases: [{ name: 'far', status: 'unavailable', count: 2 }, { status: 'ok' }] },
        what
      )
      t.equal(fs.readFileSync(`${first.manifest}.bad`, 'utf8'), bad, what)
      fs.writeFileSync(first.manifest, 'nonsense')
      await builderOver(folder, ['far', 'near']).builder.build(refresh)
      t.equal(fs.readFileSync(`${first.manifest}.bad`, 'utf8'), 'nonsense', 'the last one')
      fs.writeFileSync(first.manifest, '')
      await builderOver(folder, ['far', 'near']).builder.build(refresh)
      t.equal(fs.readFileSync(`${first.manifest}.bad`, 'utf8'), 'nonsense', 'nothing is not worth keeping')
      t.strictSame(fs.readdirSync(join(folder, 'state')), ['m.json', 'm.json.bad', 'm.status.json'])
    }
  }
)

t.test('what a damaged manifest tells of a base counts only where that does not answer', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'two.md': '# Two' } })
  const { builder, manifest } = builderOver(folder, ['a'])
  await builder.build(refresh)
  const text = fs.readFileSync(manifest, 'utf8')
  fs.writeFileSync(manifest, text.replace('"rel":"one.md"', '"rel":"won.md"'))
  t.match((await builderOver(folder, ['a']).builder.build(refresh)).result, {
    count: 2,
    bases: [{ status: 'ok' }]
  })
  fs.writeFileSync(manifest, text.replace('"rel":"one.md"', '"rel":"won.md"'))
  fs.rmSync(join(folder, 'a/one.md'))
  fs.rmSync(join(folder, 'a/two.md'))
  t.match((await builderOver(folder, ['a']).builder.build(refresh)).result, {
    bases: [{ status: 'suspect' }]
  })
})

t.test('what was held stays so where the manifest does not tell any more what it was', async (t) => {
  const ways: Record<string, (text: string) => string> = {
    'its state was taken out': (text) => {
      const { stamps: _, ...rest } = JSON.parse(text)
      return JSON.stringify(rest)
    },
    'its head was changed': (text) =>
      JSON.stringify({ ...JSON.parse(text), generatedAt: '2026-01-01T00:00:00.000Z' })
  }
  for (const [what, change] of Object.entries(ways)) {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a/${i}.md`, '']))
    const folder = scratch(t, files)
    const { builder, manifest } = await makeOne(folder)
    for (let i = 0; i < 60; i++) fs.rmSync(join(folder, `a/${i}.md`))
    await builder.build(refresh)
    for (let i = 0; i < 30; i++) fs.writeFileSync(join(folder, `a/${i}.md`), '')
    t.match((await builder.build(refresh)).result, { bases: [{ error: /^30 of 100 reports are missing/ }] })
    fs.writeFileSync(manifest, change(fs.readFileSync(manifest, 'utf8')))
    t.match(
      (await builderOver(folder, ['a']).builder.build(refresh)).result,
      {
        count: 100,
        bases: [{ status: 'suspect', error: /^30 of 100 reports are missing/ }]
      },
      what
    )
  }
})

t.test('a build that could not look at a base covers nobody who may', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'x.md': '' } })
  const [mine, other] = [builderOver(folder, ['a', 'b']), builderOver(folder, ['a', 'b'])]
  await mine.builder.build(refresh)
  const askedAt = `here:${mine.clock.now}` as const
  other.clock.now = mine.clock.now + 10
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  t.match((await other.builder.build(refresh)).result, { bases: [{ status: 'unavailable' }, {}] })
  fs.renameSync(join(folder, 'away'), join(folder, 'a'))
  fs.writeFileSync(join(folder, 'a/two.md'), '')
  mine.clock.now += 20
  t.match((await mine.builder.build({ ...refresh, askedAt })).result, {
    count: 3,
    bases: [{ status: 'ok' }, {}]
  })
})

t.test('a manifest without one of the bases here costs it nothing that is known', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, b: { 'two.md': '# Two' } })
  const mine = builderOver(folder, ['a', 'b'])
  const { snapshot } = await mine.builder.build(refresh)
  mine.served.snapshot = snapshot()
  fs.renameSync(join(folder, 'a'), join(folder, 'away'))
  fs.rmSync(mine.manifest)
  await builderOver(folder, ['b']).builder.build(refresh)
  t.match((await mine.builder.build(refresh)).result, {
    count: 2,
    bases: [{ status: 'unavailable', count: 1 }, {}]
  })
})

t.test('what has the name of a manifest that is kept aside does not stop the mending', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = await makeOne(folder)
  fs.mkdirSync(`${manifest}.bad`)
  fs.writeFileSync(manifest, 'nonsense')
  t.match(await builder.build(refresh), { notWritten: undefined })
  t.strictSame(titlesIn(manifest), ['One'])
  t.equal(fs.readFileSync(`${manifest}.bad.1`, 'utf8'), 'nonsense')
})

t.test('a manifest that lies aside is never a report', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One', 'm.md': 'nonsense' } })
  const texts = { manifest: join(folder, 'a/m.md'), include: '**/*' }
  const { builder } = builderOver(folder, ['a'], texts)
  t.match((await builder.build(refresh)).result, { count: 1 })
  t.ok(fs.existsSync(join(folder, 'a/m.md.bad')))
  t.match((await builder.build({ ...refresh, mode: 'full' })).result, { count: 1 })
})

t.test('no manifest is made in a base that holds no report and may be mounted over', async (t) => {
  const folder = t.testdir({ a: {}, b: { 'one.md': '# One' } })
  const texts = { manifest: join(folder, 'a/_state/m.json') }
  const uncertain = (found: ReadonlyMap<string, { entries: ReadonlyMap<string, unknown> }>) =>
    isPlaceUncertain(
      texts.manifest,
      [{ name: 'a', root: join(folder, 'a') }],
      readMounts(),
      makeSelect(['**/*.md'], []),
      found
    )
  const { builder } = builderOver(folder, ['a', 'b'], texts, { isPlaceUncertain: uncertain })
  const first = await builder.build(refresh)
  t.match(first, { notWritten: undefined, isDeferred: true, listing: { count: 1 } })
  t.strictSame(fs.readdirSync(join(folder, 'a')), [])
  t.match(await builder.build(refresh), { isDeferred: true, result: { unchanged: 1 } }, 'and again')
  fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
  t.match(await builder.build(refresh), { notWritten: undefined, isDeferred: false, listing: { count: 2 } })
  t.strictSame(titlesIn(texts.manifest), ['One', 'Two'])
  for (const rel of ['a/two.md', 'a/_state/m.json']) fs.rmSync(join(folder, rel))
  fs.writeFileSync(join(folder, 'a/NOT_MOUNTED'), '')
  t.match(await builderOver(folder, ['a'], texts, { isPlaceUncertain: uncertain }).builder.build(refresh), {
    isDeferred: true
  })
  fs.mkdirSync(join(folder, 'a/pictures'))
  t.match(await builderOver(folder, ['a'], texts, { isPlaceUncertain: uncertain }).builder.build(refresh), {
    isDeferred: false
  })
})

t.test('a build that is overtaken builds again on top of what is in place', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { manifest } = await makeOne(folder)
  const file = fileAt(manifest)
  let turns = 0
  const write: typeof file.write = async (bytes, replacement) => {
    if (turns++ === 0) {
      fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
      await builderOver(folder, ['a']).builder.build(refresh)
    }
    return await file.write(bytes, replacement)
  }
  const slow = builderOver(folder, ['a'], {}, { manifest: { ...file, write } })
  fs.writeFileSync(join(folder, 'a/three.md'), '# Three')
  t.match(await slow.real.build(refresh), { notWritten: undefined, result: { count: 3, added: 0 } })
  t.strictSame(titlesIn(manifest), ['One', 'Three', 'Two'])
})

t.test(
  'a build that is overtaken only by the confirmation of what is in place builds again, too',
  async (t) => {
    const folder = t.testdir({ a: { 'one.md': '# One', 'two.md': '# Two' } })
    const { manifest } = await makeOne(folder)
    const file = fileAt(manifest)
    let turns = 0
    const write: typeof file.write = async (bytes, replacement) => {
      if (turns++ === 0) {
        // What this build missed is back, and another one has answered for it.
        fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
        await builderOver(folder, ['a']).builder.build(refresh)
      }
      return await file.write(bytes, replacement)
    }
    fs.rmSync(join(folder, 'a/two.md'))
    const slow = builderOver(folder, ['a'], {}, { manifest: { ...file, write } })
    t.match(await slow.real.build(refresh), { notWritten: undefined })
    t.strictSame(titlesIn(manifest), ['One', 'Two'])
  }
)

t.test('a build that is overtaken again and again gives up, and says so', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { manifest } = await makeOne(folder)
  const file = fileAt(manifest)
  let turns = 0
  const write: typeof file.write = async (bytes, replacement) => {
    await builderOver(folder, ['a']).builder.build(refresh)
    fs.writeFileSync(join(folder, `a/new-${++turns}.md`), '')
    return await file.write(bytes, replacement)
  }
  fs.writeFileSync(join(folder, 'a/new.md'), '')
  const slow = builderOver(folder, ['a'], {}, { manifest: { ...file, write } })
  const { notWritten } = await slow.real.build(refresh)
  t.equal(notWritten, 'RI_ERR_OVERTAKEN')
  t.equal(turns, 5)
  t.match(whyNotWritten(notWritten ?? ''), /other builders that no lock keeps apart/)
})

t.test('who is not wanted any more neither sweeps nor writes', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' }, state: {} })
  const path = join(folder, 'state/m.json')
  const left = basename(stagedPath(path, { ...thisWriter, pid: deadPid() }))
  fs.writeFileSync(join(folder, 'state', left), '')
  const file = fileAt(path)
  const began = { manifest: undefined, status: undefined }
  const no = () => false
  await t.rejects(file.sweep(no), { code: 'RI_ERR_LATE' })
  await t.rejects(file.write(Buffer.from('x'), { began, keepsAside: false, placing() {} }, no), {
    code: 'RI_ERR_LATE'
  })
  t.strictSame(fs.readdirSync(join(folder, 'state')), [left])
})

t.test('where staged files cannot be removed, one is left at most', async (t) => {
  const folder = t.testdir({ a: { 'one.md': '# One' } })
  const { builder, manifest } = await makeOne(folder)
  const refuse = (path: string) => {
    throw Object.assign(new Error('no'), { code: 'EPERM', syscall: 'unlink', path })
  }
  t.capture(fs, 'renameSync', refuse)
  t.capture(fs, 'unlinkSync', refuse)
  for (let i = 0; i < 4; i++) {
    fs.writeFileSync(join(folder, 'a/one.md'), `# One ${i}`)
    t.match(await builder.build(refresh), { notWritten: 'EPERM' })
  }
  const left = fs
    .readdirSync(join(folder, 'state'))
    .filter((name) => name.endsWith('.new') || /new\.\d+$/.test(name))
  t.ok(left.length <= 1, `${left.length} left`)
  t.ok(fs.existsSync(manifest))
})

/** A manifest, and the builder that made it. */
async function makeOne(folder: string) {
  const made = builderOver(folder, ['a'])
  await made.builder.build(refresh)
  return made
}
