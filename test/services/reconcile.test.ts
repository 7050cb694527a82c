import t from 'tap'
import type { Judgement } from '../../src/services/losses.js'
import { reconcile } from '../../src/services/reconcile.js'
import type { Scan } from '../../src/services/scan-result.js'
import { track } from '../../src/services/tracked.js'

const NOW = '2026-06-09T12:00:00.000Z'
const NOW_MS = Date.parse(NOW)
const STAMP = { size: 1, mtime: 1, ctime: 1, ino: 1 }
const names = (from: number, to: number, folder = '') =>
  Array.from({ length: to - from }, (_, i) => `${folder}${String(from + i).padStart(3, '0')}.md`)

function tracked(rels: string[]) {
  const entry = { base: 'b', title: 'T', date: '2026-06-09', type: 'markdown', mtime: NOW, size: 1 }
  return new Map(rels.map((rel) => [rel, track({ ...entry, rel }, STAMP, false)]))
}

function scan(rels: string[], over: Partial<Scan> = {}): { scan: Scan } {
  const folders = new Map([['', true]])
  for (const rel of rels) if (rel.includes('/')) folders.set(rel.slice(0, rel.lastIndexOf('/')), true)
  return {
    scan: {
      same: [],
      read: tracked(rels),
      folders,
      unreadable: [],
      warnings: [],
      skippedLinks: 0,
      filesRead: 0,
      ...over
    }
  }
}

const judgement: Judgement = {
  base: 'b',
  maxDrop: 0.5,
  acceptedUntil: undefined,
  isMoved: false,
  remote: false,
  goneMounts: [],
  isHoldLost: false,
  now: NOW_MS
}

t.test('new, gone and kept reports of a healthy base', async (t) => {
  const { entries, state } = reconcile(tracked(['a.md', 'b.md']), scan(['b.md', 'c.md']), judgement)
  t.strictSame([...entries.keys()], ['b.md', 'c.md'])
  t.equal(state, 'ok')
})

t.test('an unavailable base keeps its entries and says why', async (t) => {
  const known = tracked(['a.md'])
  const settled = reconcile(known, { unavailable: 'its mount is dead (ENOTCONN)' }, judgement)
  const error = 'its mount is dead (ENOTCONN); its 1 known reports stay listed until it answers again'
  t.match(settled, { entries: known, state: 'unavailable', error })
})

t.test('a base that had reports and looks empty keeps them, even one', async (t) => {
  const { entries, state, error } = reconcile(tracked(['a.md']), scan([]), judgement)
  t.strictSame([...entries.keys()], ['a.md'])
  t.equal(state, 'suspect')
  t.match(error, /all 1 reports are missing.*--accept-removals b/)
})

t.test('an empty base that never had reports is fine', async (t) => {
  t.match(reconcile(tracked([]), scan([]), judgement), { state: 'ok', error: null })
})

t.test('a drop of more than the share, and of at least 20, is not believed', async (t) => {
  const cases: [number, number, number, string][] = [
    [40, 21, 0.5, 'suspect'],
    [40, 20, 0.5, 'ok'],
    [30, 19, 0.5, 'ok'],
    [30, 20, 0.5, 'suspect'],
    [100, 20, 0.1, 'suspect'],
    [100, 20, 0.2, 'ok'],
    [100, 99, 1, 'ok'],
    [100, 100, 1, 'ok']
  ]
  for (const [known, gone, maxDrop, expected] of cases) {
    const settled = reconcile(tracked(names(0, known)), scan(names(gone, known)), { ...judgement, maxDrop })
    t.equal(settled.state, expected, `${gone} of ${known} at ${maxDrop}`)
    t.equal(settled.entries.size, expected === 'ok' ? known - gone : known)
  }
})

t.test('what is new lands in a suspect base, too', async (t) => {
  const { entries, state } = reconcile(tracked(names(0, 40)), scan([...names(30, 40), 'new.md']), judgement)
  t.equal(state, 'suspect')
  t.ok(entries.has('new.md'))
  t.equal(entries.size, 41)
})

t.test('a loss is believed when someone says so', async (t) => {
  const told = reconcile(tracked(names(0, 40)), scan([]), judgement)
  const { entries, state } = reconcile(told.entries, scan([]), { ...judgement, acceptedUntil: NOW_MS })
  t.equal(state, 'ok')
  t.equal(entries.size, 0)
})

t.test('below what can not be read the last known entries stay, and do not count as lost', async (t) => {
  const known = tracked([...names(0, 60, 'x/'), 'xy.md', 'gone.md', 'f.md'])
  const { entries, state } = reconcile(known, scan(['xy.md'], { unreadable: ['x', 'f.md'] }), judgement)
  t.equal(state, 'ok')
  t.equal(entries.size, 62)
  t.notOk(entries.has('gone.md'))
})

t.test('on a local disk a folder may go at once', async (t) => {
  const { entries } = reconcile(tracked(['x/a.md', 'b.md']), scan(['b.md']), judgement)
  t.strictSame([...entries.keys()], ['b.md'])
})

t.test('on a remote file system a folder that went away is doubted for a minute', async (t) => {
  const known = tracked(['x/a.md', 'x/y/b.md', 'z/c.md', 'd.md'])
  const found = scan(['d.md'])
  found.scan.folders.set('z', false)
  const remote = { ...judgement, remote: true }
  const first = reconcile(known, found, remote)
  t.equal(first.entries.size, 4)
  t.equal(first.state, 'ok')
  t.strictSame(first.doubts, [
    { base: 'b', rel: 'x', since: NOW },
    { base: 'b', rel: 'z', since: NOW }
  ])
  t.match(first.warnings, [
    { code: 'suspect-folder', base: 'b', rel: 'x' },
    { code: 'suspect-folder', base: 'b', rel: 'z' }
  ])

  const soon = reconcile(first.entries, found, { ...remote, now: NOW_MS + 59_999 })
  t.equal(soon.entries.size, 4)
  t.strictSame(soon.doubts, first.doubts)

  const later = reconcile(first.entries, found, { ...remote, now: NOW_MS + 60_000 })
  t.strictSame([...later.entries.keys()], ['d.md'])
  t.strictSame(later.doubts, [])

  const back = reconcile(first.entries, scan([...known.keys()]), remote)
  t.strictSame(back.doubts, [])
  t.ok([...back.entries.values()].every(({ held }) => held === undefined))
})

t.test('on a remote file system a single file may go at once', async (t) => {
  const found = scan(['x/b.md'])
  const { entries } = reconcile(tracked(['x/a.md', 'x/b.md']), found, { ...judgement, remote: true })
  t.strictSame([...entries.keys()], ['x/b.md'])
})

t.test('a doubt that was told by a clock that has been set back begins anew, and ends', async (t) => {
  const remote = { ...judgement, remote: true }
  const ahead = { ...remote, now: NOW_MS + 1e10 }
  const before = reconcile(tracked(['x/a.md', 'b.md']), scan(['b.md']), ahead).entries
  const first = reconcile(before, scan(['b.md']), remote)
  t.strictSame(first.doubts, [{ base: 'b', rel: 'x', since: NOW }])
  const second = reconcile(first.entries, scan(['b.md']), { ...remote, now: NOW_MS + 60_000 })
  t.strictSame([...second.entries.keys()], ['b.md'])
})

t.test('what is held as missing stays held, whatever else comes or goes', async (t) => {
  const hold = reconcile(tracked(names(0, 100)), scan(names(60, 100)), judgement)
  t.equal(hold.state, 'suspect')
  let entries = hold.entries
  for (let n = 1; n <= 70; n++) {
    const news = names(1000, 1000 + n)
    const settled = reconcile(entries, scan([...names(60, 100), ...news]), judgement)
    entries = settled.entries
    t.equal(settled.state, 'suspect', `${n} new ones`)
    t.equal(entries.size, 100 + n)
  }
  const part = reconcile(entries, scan([...names(20, 100), ...names(1000, 1070)]), judgement)
  t.match(part, { state: 'suspect', error: /^20 of 170 reports are missing/ }, 'a part that is back heals')
  const whole = reconcile(part.entries, scan([...names(0, 100), ...names(1000, 1070)]), judgement)
  t.match(whole, { state: 'ok', error: null })
  t.equal(whole.entries.size, 170)
})

t.test('a loss is measured by what was there, not by what is held', async (t) => {
  const hold = reconcile(tracked(names(0, 100)), scan(names(60, 100)), judgement)
  const again = reconcile(hold.entries, scan(names(81, 100)), judgement)
  t.equal(again.entries.size, 100, '21 of 40 that were there')
  const few = reconcile(hold.entries, scan(names(79, 100)), judgement)
  t.equal(few.entries.size, 81, '19 of 40')
})

t.test('on a mount a small base does not lose most of its reports at once either', async (t) => {
  const remote = { ...judgement, remote: true }
  const first = reconcile(tracked(names(0, 15)), scan(names(10, 15)), remote)
  t.match(first, { state: 'ok', warnings: [{ code: 'suspect-folder', rel: '' }] })
  t.equal(first.entries.size, 15)
  const grown = reconcile(first.entries, scan(names(10, 60)), { ...remote, now: NOW_MS + 1000 })
  t.equal(grown.entries.size, 60, 'what comes meanwhile changes nothing of that')
  const later = reconcile(first.entries, scan(names(10, 15)), { ...remote, now: NOW_MS + 60_000 })
  t.equal(later.entries.size, 5)
})

t.test('what lay on a mount that is gone stays, however little it is', async (t) => {
  const known = tracked(['m/a.md', 'm/x/b.md', 'c.md', 'd.md'])
  const inner = reconcile(known, scan(['c.md']), { ...judgement, goneMounts: ['m'] })
  t.match(inner, { state: 'suspect', error: /^2 of 3 .*a mount inside the base is gone: m/ })
  t.strictSame([...inner.entries.keys()].toSorted(), ['c.md', 'm/a.md', 'm/x/b.md'])
  const own = reconcile(known, scan(['new.md']), { ...judgement, goneMounts: [''] })
  t.match(own, { state: 'suspect', error: /^4 of 5 .*the mount that they lay on is gone/ })
})

t.test('what is held is judged in time that does not grow with its square', async (t) => {
  const places = names(0, 3000, 'x').map((name) => name.replace('.md', ''))
  const known = tracked(places.flatMap((place) => names(0, 5, `${place}/`)))
  const began = performance.now()
  const { entries } = reconcile(known, scan([], { unreadable: places }), judgement)
  t.equal(entries.size, 15_000)
  t.comment(`${Math.round(performance.now() - began)} ms`)
})
