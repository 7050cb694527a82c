import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { rereadSince } from '../../src/scan/reread.js'
import { ServerClock } from '../../src/scan/server-clock.js'
import { compare, stampAfter, trustIn } from '../../src/scan/trust.js'
import { NO_STAMP, type Tracked, type Trackeds } from '../../src/services/tracked.js'
import { plant } from '../support.js'
import { knownIn, scanner } from './stage.js'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** Seconds since 1970. */
const LONG_AGO = 1_000_000_000
const fuse = trustIn('fuse.bindfs', false, 0)
const stat = { isFile: true, size: 3, mtimeNs: 1_000n, ctimeNs: 2_000n, ino: 7n }
const first = stampAfter(fuse, undefined, stat)

t.test(
  'on FUSE a file that was replaced by one of its size and time is told by inode and change time',
  async (t) => {
    t.strictSame(first, { size: 3, mtime: 1000, ctime: 2000, ino: 7 })
    t.equal(compare(fuse, first, stat), 'same')
    t.equal(compare(fuse, first, { ...stat, ino: 8n }), 'renumbered')
    t.equal(compare(fuse, first, { ...stat, ctimeNs: 3_000n }), 'renumbered')
    t.equal(compare(fuse, first, { ...stat, mtimeNs: 3_000n }), 'changed')
    t.equal(compare(fuse, first, { ...stat, size: 4 }), 'changed')
    t.equal(compare(fuse, NO_STAMP, stat), 'changed')
    t.equal(compare(fuse, { size: 3, mtime: 1000, ctime: 0, ino: 0 }, stat), 'same', 'of an older manifest')
  }
)

t.test('numbers that change without the file twice are not compared any more', async (t) => {
  const other = { ...stat, ino: 8n }
  const once = stampAfter(fuse, first, other, { isFalseAlarm: true })
  t.strictSame(once, { ...first, ino: -8 })
  t.equal(compare(fuse, once, other), 'same')
  t.strictSame(stampAfter(fuse, once, other), once)
  const another = { ...stat, ino: 9n }
  t.equal(compare(fuse, once, another), 'renumbered', 'once is no proof')
  t.strictSame(stampAfter(fuse, once, another), { ...first, ino: 9 }, 'what was replaced is no false alarm')
  const twice = stampAfter(fuse, once, another, { isFalseAlarm: true })
  t.strictSame(twice, { ...first, ino: -1 })
  t.equal(compare(fuse, twice, { ...stat, ino: 10n }), 'same')
  t.equal(compare(fuse, twice, { ...stat, ctimeNs: 9n }), 'renumbered', 'the other number still counts')
  t.equal(stampAfter(fuse, twice, stat).ino, -1)
  t.equal(stampAfter(fuse, twice, stat, { isAsNew: true }).ino, 7, 'unless it is learned anew')
})

t.test('where the kernel keeps them nothing has to be learned', async (t) => {
  const disk = trustIn('ext4', true, 0)
  t.equal(compare(disk, first, stat), 'same')
  t.equal(compare(disk, first, { ...stat, ino: 8n }), 'changed')
  t.strictSame(stampAfter(disk, first, { ...stat, ino: 8n }, { isFalseAlarm: true }), { ...first, ino: 8 })
  const nfs = trustIn('nfs4', false, 0)
  t.equal(compare(nfs, stampAfter(nfs, undefined, stat), { ...stat, ctimeNs: 9n }), 'changed')
  t.equal(compare(nfs, stampAfter(nfs, undefined, stat), { ...stat, ino: 9n }), 'renumbered')
})

t.test(
  'no file is read for ever since its numbers change, and no file that is replaced is missed',
  async () => {
    const numbers = fc.array(fc.record({ ino: fc.bigInt(2n, 6n), ctimeNs: fc.bigInt(2n, 6n) }))
    fc.assert(
      fc.property(numbers, (looks) => {
        let stamp = first
        let reads = 0
        for (const look of looks) {
          const now = { ...stat, ...look }
          const isFalseAlarm = compare(fuse, stamp, now) === 'renumbered'
          if (isFalseAlarm) reads++
          stamp = stampAfter(fuse, stamp, now, { isFalseAlarm })
        }
        return reads <= 4
      })
    )
    fc.assert(
      fc.property(fc.array(fc.boolean()), (looks) => {
        let stamp = first
        let now = stat
        for (const isReplaced of looks) {
          if (isReplaced) now = { ...now, ino: now.ino + 1n, ctimeNs: now.ctimeNs + 1n }
          if ((compare(fuse, stamp, now) === 'renumbered') !== isReplaced) return false
          stamp = stampAfter(fuse, stamp, now)
        }
        return true
      })
    )
  }
)

t.test('a time far ahead was given to a file, and does not make it fresh for ever', async (t) => {
  const now = 1_000_000_000_000
  const ns = (ms: number) => BigInt(ms) * 1_000_000n
  const at = (mtime: number, ctime = now - 60_000) => ({ ...stat, mtimeNs: ns(mtime), ctimeNs: ns(ctime) })
  const disk = trustIn('ext4', true, now)
  t.notOk(disk.isFresh(at(now + 10 * DAY_MS)))
  t.ok(disk.isFresh(at(now + 10 * DAY_MS, now - 1000)), 'but for one that was changed just now')
  const remote = trustIn('fuse', false, now)
  t.ok(remote.isFresh(at(now + 3_600_000)), "a server's clock may be ahead")
  t.notOk(remote.isFresh(at(now + 2 * DAY_MS)))
})

t.test('what is as new as anything in the base is fresh, however far behind its clock is', async (t) => {
  const clock = new ServerClock()
  const began = 100 * DAY_MS
  const newest = began - 200_000
  t.ok(clock.freshFrom(newest, began) <= newest)
  t.ok(clock.freshFrom(newest, began + 2000) <= newest, 'within its tick')
  t.ok(clock.freshFrom(newest, began + 4000) > newest, 'its clock has gone on since')
  t.ok(clock.freshFrom(newest + 5000, began + 6000) <= newest + 5000, 'something newer came')
  t.equal(clock.freshFrom(newest, began + 2 * DAY_MS), Number.POSITIVE_INFINITY)
})

t.test(
  'every file is read again once in a period, whenever the scans are and whoever makes them',
  async (t) => {
    const rels = Array.from({ length: 300 }, (_, i) => `folder/${i % 7}/report-${i}.md`)
    const period = DAY_MS
    for (const step of [300_000, 3_600_000, 7 * 3_600_000, 2 * DAY_MS]) {
      const start = 20_000 * DAY_MS + 12_345
      const times = new Map(rels.map((rel) => [rel, 0]))
      let most = 0
      let now = start
      while (now < start + 2 * period) {
        const last = now
        now += step
        const due = rels.filter((rel) => rereadSince(period, now, last).isDue(rel, first))
        for (const rel of due) times.set(rel, (times.get(rel) ?? 0) + 1)
        most = Math.max(most, due.length)
      }
      t.ok(
        [...times.values()].every((count) => count >= 1 && count <= 3),
        `every ${step / 1000} s`
      )
      if (step === 300_000) t.ok(most < 15, `little by little: ${most} of 300 at once`)
    }
    const now = 20_000 * DAY_MS
    const atStart = rels.filter((rel) => rereadSince(period, now, undefined).isDue(rel, first)).length
    t.ok(atStart > 0 && atStart < 40, 'where the last scan is not known a part of them')
  }
)

const fuseMounts = () => [{ point: '/', type: 'fuse.x', device: '0:9', root: '/', source: '' }]

t.test(
  'where size and time alone tell, a wrong entry is mended within a day, by restarted processes too',
  async (t) => {
    const root = t.testdir({})
    const rels = Array.from({ length: 40 }, (_, i) => `${i}.md`)
    plant(root, Object.fromEntries(rels.map((rel) => [rel, '# Old'])))
    for (const rel of rels) fs.utimesSync(join(root, rel), LONG_AGO, LONG_AGO)
    const titles = new Map<string, string>()
    const scanned = async (known: Trackeds, at: number, lastScannedAt?: number) => {
      const look = await scanner(root, { mounts: fuseMounts, now: () => at }).scan(known, false, {
        lastScannedAt
      })
      if (!('scan' in look)) throw new Error(look.unavailable)
      for (const [rel, { made }] of look.scan.read) if (made) titles.set(rel, JSON.parse(made.line).title)
      return look.scan
    }
    const start = 30_000 * DAY_MS
    let known = knownIn(await scanned(new Map(), start))
    // Neither inode nor change time tells anything.
    for (const [rel, tracked] of known)
      known.set(rel, { ...tracked, stamp: { ...tracked.stamp, ctime: -1, ino: -1 } })
    for (const rel of rels) {
      fs.writeFileSync(join(root, rel), '# New')
      fs.utimesSync(join(root, rel), LONG_AGO, LONG_AGO)
    }
    for (let hour = 1; hour <= 24; hour++) {
      const found = await scanned(known, start + hour * HOUR_MS, start + (hour - 1) * HOUR_MS)
      t.ok(found.filesRead < 12, `${found.filesRead} in an hour`)
      known = knownIn(found)
      t.equal(known.size, 40)
    }
    t.strictSame(
      rels.filter((rel) => titles.get(rel) !== 'New'),
      []
    )
  }
)

t.test(
  'a file replaced on FUSE by one of its size and time is read; numbers that are none are found out',
  async (t) => {
    const root = t.testdir({ 'a.md': '# Old', 'b.md': '# Same' })
    for (const name of ['a.md', 'b.md']) fs.utimesSync(join(root, name), LONG_AGO, LONG_AGO)
    const at = 30_000 * DAY_MS
    const base = scanner(root, { mounts: fuseMounts, now: () => at, rereadMs: 0 })
    const first = await base.scan(new Map(), true)
    if (!('scan' in first)) throw new Error(first.unavailable)
    const known = knownIn(first.scan)
    const lines = new Map([...known].map(([rel, tracked]) => [rel, tracked.made?.line ?? '']))
    const lineOf = ({ rel }: Tracked) => lines.get(rel) as string
    plant(root, { '.a': '# New' })
    fs.renameSync(join(root, '.a'), join(root, 'a.md'))
    fs.utimesSync(join(root, 'a.md'), LONG_AGO, LONG_AGO)
    const renumbered = known.get('b.md') as Tracked
    known.set('b.md', { ...renumbered, stamp: { ...renumbered.stamp, ino: 12345 } })
    const second = await base.scan(known, false, { lineOf })
    if (!('scan' in second)) throw new Error(second.unavailable)
    t.equal(second.scan.filesRead - first.scan.filesRead, 2)
    t.match(second.scan.read.get('a.md')?.made?.line, /New/)
    t.ok((second.scan.read.get('a.md')?.stamp.ino ?? 0) > 0, 'it was replaced')
    t.ok((second.scan.read.get('b.md')?.stamp.ino ?? 0) < -1, 'its inode changed once without it')
    const third = await base.scan(knownIn(second.scan), false, { lineOf })
    if (!('scan' in third)) throw new Error(third.unavailable)
    t.match(third.scan.fileSystem, { type: 'fuse.x', kinds: true, ignoresCase: false, inodes: true })
  }
)

t.test('a scan tells what its file system tells', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const look = await scanner(root).scan(new Map(), false)
  t.match(look, {
    scan: { fileSystem: { kinds: true, ignoresCase: false, inodes: true, changeTimes: true } }
  })
  const remote = await scanner(root, { mounts: fuseMounts }).scan(new Map(), false)
  t.match(remote, { scan: { fileSystem: { type: 'fuse.x', inodes: null, changeTimes: null } } })
})
