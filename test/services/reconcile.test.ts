import t from 'tap'
import type { Doubt } from '../../src/schemas/manifest.js'
import { type Judgement, reconcile, type Scan } from '../../src/services/reconcile.js'
import { track } from '../../src/services/tracked.js'

const NOW = '2026-06-09T12:00:00.000Z'
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

const judgement: Judgement = { base: 'b', maxDrop: 0.5, accepted: false, remote: false, doubts: [], now: NOW }

t.test('new, gone and kept reports of a healthy base', async (t) => {
  const { entries, state } = reconcile(tracked(['a.md', 'b.md']), scan(['b.md', 'c.md']), judgement)
  t.strictSame([...entries.keys()], ['b.md', 'c.md'])
  t.equal(state, 'ok')
})

t.test('an unavailable base keeps its entries and says why', async (t) => {
  const doubts: Doubt[] = [{ base: 'b', rel: 'x', since: NOW }]
  const known = tracked(['a.md'])
  const settled = reconcile(known, { unavailable: 'its mount is dead (ENOTCONN)' }, { ...judgement, doubts })
  const error = 'its mount is dead (ENOTCONN); its 1 known reports stay listed until it answers again'
  t.match(settled, { entries: known, state: 'unavailable', error, doubts })
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
  const { entries, state } = reconcile(tracked(names(0, 40)), scan([]), { ...judgement, accepted: true })
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

  const soon = reconcile(first.entries, found, {
    ...remote,
    doubts: first.doubts,
    now: '2026-06-09T12:00:59.999Z'
  })
  t.equal(soon.entries.size, 4)
  t.strictSame(soon.doubts, first.doubts)

  const later = reconcile(first.entries, found, {
    ...remote,
    doubts: first.doubts,
    now: '2026-06-09T12:01:00.000Z'
  })
  t.strictSame([...later.entries.keys()], ['d.md'])
  t.strictSame(later.doubts, [])

  const back = reconcile(first.entries, scan([...known.keys()]), { ...remote, doubts: first.doubts })
  t.strictSame(back.doubts, [])
})

t.test('on a remote file system a single file may go at once', async (t) => {
  const found = scan(['x/b.md'])
  const { entries } = reconcile(tracked(['x/a.md', 'x/b.md']), found, { ...judgement, remote: true })
  t.strictSame([...entries.keys()], ['x/b.md'])
})

t.test('a doubt that was told by a clock that has been set back begins anew, and ends', async (t) => {
  const before = tracked(['x/a.md', 'b.md'])
  const later = {
    ...judgement,
    remote: true,
    doubts: [{ base: 'b', rel: 'x', since: '2027-01-01T00:00:00.000Z' }]
  }
  const first = reconcile(before, scan(['b.md']), later)
  t.strictSame(first.doubts, [{ base: 'b', rel: 'x', since: NOW }])
  const second = reconcile(before, scan(['b.md']), {
    ...later,
    doubts: first.doubts,
    now: '2026-06-09T12:01:00.000Z'
  })
  t.strictSame([...second.entries.keys()], ['b.md'])
})
