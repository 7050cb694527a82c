import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { withChanges } from '../../src/client/index.js'
import type { Entry } from '../../src/schemas/entry.js'
import type { Listing } from '../../src/schemas/listing.js'
import { Answer } from '../../src/services/answer.js'
import { acceptsIdentity, chooseCoding } from '../../src/services/codings.js'
import { decodeCursor, encodeCursor } from '../../src/services/cursor.js'
import { differences } from '../../src/services/differences.js'
import { digestOf } from '../../src/services/etag.js'
import { type Asker, anyone, FairQueue } from '../../src/services/fair-queue.js'
import { History } from '../../src/services/history.js'
import { filterEntries, filterKey } from '../../src/services/listing.js'
import { encodeManifest, type Snapshot } from '../../src/services/manifest.js'
import { openManifest } from '../../src/services/open-manifest.js'
import { compareEntries } from '../../src/services/order.js'
import { Pages } from '../../src/services/pages.js'
import { noRows } from '../../src/services/rows.js'
import { inSlices } from '../../src/services/slices.js'
import { digestIn } from '../../src/services/tag.js'
import { NO_STAMP, track } from '../../src/services/tracked.js'

/** A property, with as many examples; a failure names the smallest one, and its seed. */
async function holds<T>(
  t: Test,
  arbitrary: fc.Arbitrary<T>,
  numRuns: number,
  isSo: (value: T) => Promise<boolean>
): Promise<void> {
  await t.resolves(fc.assert(fc.asyncProperty(arbitrary, isSo), { numRuns }))
}

const NOW = '2026-06-09T12:00:00.000Z'

function entry(base: string, rel: string, more: Partial<Entry> = {}): Entry {
  return { base, rel, title: rel, date: '2026-06-09', type: 'audit', mtime: NOW, size: 1, ...more }
}

function snapshotOf(entries: readonly Entry[]): Snapshot {
  const tracked = entries.toSorted(compareEntries).map((each) => track(each, NO_STAMP, false))
  return encodeManifest(tracked, [], noRows, () => NOW).snapshot()
}

const parsed = ({ body }: { body: Buffer }): Listing => JSON.parse(body.toString('utf8'))

/** Few reports and values, so that much is equal and much changes. */
const anEntry = fc
  .record({
    base: fc.constantFrom('a', 'b'),
    rel: fc.constantFrom('1.md', '2.md', '3.md', 'é/ß.md', 'x\ny.md', '"q".md', '🙂.md'),
    title: fc.constantFrom('One', 'Two', 'Straße "x",\n', 'ΟΔΟΣ'),
    date: fc.constantFrom('2026-06-09', '2026-06-09T10:00:00.000Z', '2025-01-01', '2024-02-29'),
    type: fc.constantFrom('audit', 'plan'),
    size: fc.constantFrom(0, 1)
  })
  .map((some) => entry(some.base, some.rel, some))
const aListing = fc.uniqueArray(anEntry, { selector: ({ base, rel }) => `${base}/${rel}`, maxLength: 12 })

t.test('old listing + changes = new listing, from every listing that is known', async (t) => {
  await holds(
    t,
    fc.tuple(fc.array(aListing, { minLength: 1, maxLength: 8 }), fc.constantFrom(0, 300, 1e9)),
    300,
    async ([listings, largeStep]) => {
      const history = new History(largeStep)
      const snapshots = listings.map(snapshotOf)
      for (const snapshot of snapshots) history.note(snapshot)
      const last = snapshots.at(-1) as Snapshot
      for (const old of snapshots) {
        const changes = await history.changesSince(old.etag)
        if (changes?.from !== old.etag || changes.to !== last.etag) return false
        const made = withChanges(parsed(old).reports, changes)
        if (snapshotOf(made).etag !== last.etag) return false
        if (old.etag === last.etag && changes.upserted.length + changes.removed.length > 0) return false
        const isSame = (one: Entry) =>
          parsed(old).reports.some((each) => JSON.stringify(each) === JSON.stringify(one))
        if (changes.upserted.some(isSame)) return false
      }
      return true
    }
  )
})

t.test('a difference is found whatever lines are equal around it', async (t) => {
  await holds(t, fc.tuple(aListing, aListing), 500, async ([old, young]) => {
    const { gone, come } = await inSlices(differences(snapshotOf(old).body, snapshotOf(young).body))
    const lines = (listing: Entry[]) => new Set(listing.map((each) => JSON.stringify(each)))
    const [before, after] = [lines(old), lines(young)]
    const told = (some: { line: string }[]) => some.map(({ line }) => line).toSorted()
    return (
      JSON.stringify(told(gone)) ===
        JSON.stringify([...before].filter((line) => !after.has(line)).toSorted()) &&
      JSON.stringify(told(come)) === JSON.stringify([...after].filter((line) => !before.has(line)).toSorted())
    )
  })
})

t.test('one change in a large listing costs a look at one line', async (t) => {
  const many = Array.from({ length: 20_000 }, (_, i) => entry('a', `${String(i).padStart(6, '0')}.md`))
  const changed = many.with(10_000, { ...(many[10_000] as Entry), title: 'Other' })
  const pauses = differences(snapshotOf(many).body, snapshotOf(changed).body)
  let turns = 0
  for (;;) {
    const { done, value } = pauses.next()
    if (done) {
      t.match(value, { gone: [{ entry: { title: '010000.md' } }], come: [{ entry: { title: 'Other' } }] })
      break
    }
    turns++
  }
  t.ok(turns < 5, `${turns} steps`)
})

t.test('a listing is forgotten after 64 others, and not sooner', async (t) => {
  const history = new History()
  const large = randomBytes(450_000).toString('base64')
  const snapshots = Array.from({ length: 66 }, (_, i) =>
    snapshotOf([entry('a', `${i}`, { title: `${i}${large}` })])
  )
  for (const snapshot of snapshots.slice(0, 64)) history.note(snapshot)
  t.ok(await history.changesSince(snapshots[0]?.etag as string), 'of 64')
  for (const snapshot of snapshots.slice(64)) history.note(snapshot)
  t.equal(await history.changesSince(snapshots[1]?.etag as string), undefined, 'the 65th')
  t.ok(await history.changesSince(snapshots[2]?.etag as string))
  t.equal(await history.changesSince('never'), undefined)
  t.equal(await new History().changesSince('never'), undefined)
})

t.test('many small listings are known for longer', async (t) => {
  const history = new History()
  const snapshots = Array.from({ length: 200 }, (_, i) => snapshotOf([entry('a', `${i}`)]))
  for (const snapshot of snapshots) history.note(snapshot)
  t.ok(await history.changesSince(snapshots[0]?.etag as string))
})

t.test('a listing that comes again is known from when it came last', async (t) => {
  const history = new History()
  const [one, two] = [snapshotOf([entry('a', '1')]), snapshotOf([entry('a', '2')])] as const
  for (const snapshot of [one, two, one]) history.note(snapshot)
  t.match(await history.changesSince(one.etag), { upserted: [], removed: [] })
  t.match(await history.changesSince(two.etag), {
    upserted: [{ rel: '1' }],
    removed: [{ base: 'a', rel: '2' }]
  })
})

t.test('lines that are no entries end a history, and nothing else', async (t) => {
  const history = new History()
  const good = snapshotOf([entry('a', '1')])
  const body = Buffer.from('{"total":1,"count":1,"reports":[\n{"no": "entry"}\n]}\n')
  history.note(good)
  history.note({ ...good, etag: 'bad', body })
  t.equal(await history.changesSince(good.etag), undefined)
  t.match(await history.changesSince('bad'), { upserted: [] })
  await t.rejects(new Pages(history).part({ ...good, body }, { q: 'x' }), { code: 'RI_ERR_NO_LISTING' })
})

const aFilter = fc.record(
  {
    base: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
    type: fc.subarray(['audit', 'plan', 'other'], { minLength: 1 }),
    q: fc.constantFrom('', ' ', 'one', 'STRASSE', 'md x', 'οδος', '"Q"'),
    from: fc.constantFrom('2025-01-01', '2026-06-09', '2026-06-10'),
    to: fc.constantFrom('2024-12-31', '2025-01-01', '2026-06-09')
  },
  { requiredKeys: [] }
)

t.test('pages show what the filter lets through, once and in order', async (t) => {
  await holds(
    t,
    fc.tuple(aListing, aFilter, fc.integer({ min: 1, max: 5 })),
    500,
    async ([entries, filter, limit]) => {
      const snapshot = snapshotOf(entries)
      const pages = new Pages(new History())
      const wanted = filterEntries(parsed(snapshot).reports, filter)
      const seen: Entry[] = []
      let cursor: string | undefined
      do {
        const page = parsed(await pages.part(snapshot, { ...filter, limit, ...(cursor && { cursor }) }))
        if (page.total !== wanted.length || page.count !== page.reports.length || page.count > limit)
          return false
        seen.push(...page.reports)
        cursor = page.nextCursor
      } while (cursor !== undefined)
      const whole = parsed(await pages.part(snapshot, filter))
      return [seen, whole.reports].every((each) => JSON.stringify(each) === JSON.stringify(wanted))
    }
  )
})

t.test('pages of a listing that changes skip nothing in silence', async (t) => {
  const input = fc.tuple(
    fc.array(aListing, { minLength: 2, maxLength: 6 }),
    aFilter,
    fc.integer({ min: 1, max: 3 })
  )
  await holds(t, input, 500, async ([listings, filter, limit]) => {
    const history = new History()
    const pages = new Pages(history)
    const snapshots = listings.map(snapshotOf)
    const shown = new Set<string>()
    const keyOf = ({ base, rel }: Entry) => `${base}/${rel}`
    const passes = (snapshot: Snapshot) => new Set(filterEntries(parsed(snapshot).reports, filter).map(keyOf))
    let cursor: string | undefined
    // What matches in every listing of the walk must be shown.
    let always: Set<string> | undefined
    for (let turn = 0; turn === 0 || cursor !== undefined; turn++) {
      const snapshot = snapshots[Math.min(turn, snapshots.length - 1)] as Snapshot
      if (turn < snapshots.length) history.note(snapshot)
      const now = passes(snapshot)
      always = always ? new Set([...always].filter((key) => now.has(key))) : now
      try {
        const page = parsed(await pages.part(snapshot, { ...filter, limit, ...(cursor && { cursor }) }))
        for (const each of page.reports) shown.add(keyOf(each))
        cursor = page.nextCursor
      } catch (error) {
        return (error as { statusCode?: number }).statusCode === 410 && turn > 0
      }
    }
    return [...(always ?? [])].every((key) => shown.has(key))
  })
})

t.test('a report that moves past the end of a page makes the cursor useless, and it says so', async (t) => {
  const history = new History()
  const pages = new Pages(history)
  const old = [
    entry('a', '1', { date: '2026-03-01' }),
    entry('a', '2', { date: '2026-02-01' }),
    entry('a', '3', { date: '2026-01-01' })
  ]
  const first = snapshotOf(old)
  history.note(first)
  const { nextCursor: cursor = '' } = parsed(await pages.part(first, { limit: 1 }))
  const later = snapshotOf([...old.slice(0, 2), entry('a', '3', { date: '2026-04-01' })])
  history.note(later)
  await t.rejects(pages.part(later, { limit: 1, cursor }), { statusCode: 410, message: /begin again/ })
  const harmless = snapshotOf([...old, entry('a', '4', { date: '2026-05-01' })])
  history.note(harmless)
  t.match(parsed(await pages.part(harmless, { limit: 1, cursor })), { total: 4, reports: [{ rel: '2' }] })
  await t.rejects(new Pages(new History()).part(harmless, { limit: 1, cursor }), {
    code: 'RI_ERR_CURSOR_GONE'
  })
  await t.rejects(pages.part(first, { limit: 1, cursor, q: '1' }), {
    statusCode: 400,
    message: /another filter/
  })
  await t.rejects(pages.part(first, { limit: 1, cursor: `${cursor}A` }), {
    statusCode: 400,
    message: /"cursor"/
  })
})

t.test('what is asked of a listing again is made once', async (t) => {
  const pages = new Pages(new History())
  const snapshot = snapshotOf([entry('a', '1'), entry('b', '2')])
  const [one, two] = await Promise.all([
    pages.part(snapshot, { base: ['a'] }),
    pages.part(snapshot, { base: ['a'] })
  ])
  t.equal(one, two)
  t.equal(await pages.part(snapshot, { base: ['a', 'a'], q: '  ' }), one, 'the same filter, said otherwise')
  t.equal(await pages.part(snapshot, { q: '  ' }), pages.whole(snapshot), 'no filter')
  t.equal(
    (await pages.part(snapshot, { limit: 10 })).digest,
    snapshot.etag,
    'the same bytes have the same tag'
  )
})

t.test('callers take turns, however much each of them asks, and who has gone is not served', async (t) => {
  const queue = new FairQueue({ atOnce: 1, maxWaiting: 6, what: 'things' })
  const [greedy, gone, modest] = [anyone(), anyone(), anyone()]
  const leave = new AbortController()
  const done: string[] = []
  const ask = (asker: Asker, name: string) =>
    queue.run(asker, async () => {
      await new Promise(setImmediate)
      done.push(name)
      if (name === 'greedy 2') throw new Error('no')
    })
  const asked = [1, 2, 3, 4].map((i) => ask(greedy, `greedy ${i}`))
  asked.push(ask({ ...gone, signal: leave.signal }, 'gone'), ask(modest, 'modest 1'), ask(modest, 'modest 2'))
  await t.rejects(ask(modest, 'too much'), { code: 'RI_ERR_BUSY', message: /6 things/ })
  leave.abort()
  const ends = await Promise.allSettled(asked)
  t.strictSame(done, ['greedy 1', 'greedy 2', 'modest 1', 'greedy 3', 'modest 2', 'greedy 4'])
  t.strictSame(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']
  )
  await t.rejects(ask({ ...gone, signal: leave.signal }, 'gone'), { code: 'RI_ERR_BUSY' })
  await ask(modest, 'last')
  t.equal(done.at(-1), 'last', 'nothing holds a place')
})

t.test('what nobody waits for is given up, and made again for who asks later', async (t) => {
  const pages = new Pages(new History())
  const snapshot = snapshotOf(Array.from({ length: 5000 }, (_, i) => entry('a', `report ${i}`)))
  const clients = [new AbortController(), new AbortController()]
  const ask = (signal: AbortSignal) => pages.part(snapshot, { q: 'report' }, () => ({ caller: {}, signal }))
  const [one, two] = clients.map(({ signal }) => ask(signal)) as [Promise<Answer>, Promise<Answer>]
  clients[0]?.abort()
  await t.rejects(one, { code: 'RI_ERR_BUSY' })
  t.equal(parsed(await two).total, 5000, 'the other one is served')
  const leave = new AbortController()
  const given = pages.part(snapshot, { q: 'rep' }, () => ({ caller: {}, signal: leave.signal }))
  leave.abort()
  await t.rejects(given, { code: 'RI_ERR_BUSY' })
  t.equal(parsed(await pages.part(snapshot, { q: 'rep' })).total, 5000)
})

t.test('work in slices ends between two of them when nobody wants it any more', async (t) => {
  const over = new AbortController()
  let steps = 0
  const work = inSlices(
    (function* (): Generator<void, void> {
      for (;;) {
        steps++
        yield
      }
    })(),
    over.signal
  )
  await new Promise(setImmediate)
  over.abort(new Error('nobody'))
  await t.rejects(work, { message: 'nobody' })
  const before = steps
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.ok(before > 0)
  t.equal(steps, before)
})

t.test('a word that another one contains is not looked for', async (t) => {
  t.equal(filterKey({ q: 'audit aud it weekly udi' }), filterKey({ q: 'weekly AUDIT' }))
  t.not(filterKey({ q: 'audit week' }), filterKey({ q: 'audit' }))
})

t.test('words are looked for in title and rel, in any case', async (t) => {
  const straße = entry('a', 'Ärger/x.md', { title: 'Die Straße nach ΟΔΟΣΑ' })
  for (const q of ['strasse', 'STRASSE', 'straße', 'ärger', 'X.MD die', 'οδος', 'ΟΔΟΣ', ' nach\u00a0x.md\t'])
    t.equal(filterEntries([straße], { q }).length, 1, q)
  for (const q of ['gasse', 'die gasse', 'οδοςx']) t.equal(filterEntries([straße], { q }).length, 0, q)
  t.equal(filterKey({ q: 'A b', type: ['x', 'y'] }), filterKey({ q: ' a  B ', type: ['y', 'x', 'y'] }))
  t.equal(filterKey({ q: 'a b a' }), filterKey({ q: 'B A' }), 'words count once, in any order')
  for (const q of ['STRAẞE', 'ẞ', 'ß', 'SS'])
    t.equal(
      filterEntries([entry('a', 'Straẞe'), entry('a', 'straße'), entry('a', 'Strasse')], { q }).length,
      3,
      q
    )
  t.not(filterKey({ q: 'a b' }), filterKey({ q: 'b' }))
  t.equal(filterKey({ q: ' ' }), undefined)
})

t.test('a cursor comes back as it was, and nothing else is one', async (t) => {
  const position = fc.record({
    base: fc.constant('a.B-1'),
    rel: fc.string({ minLength: 1, unit: 'grapheme' }).filter((rel) => !rel.includes('\0'))
  })
  await holds(t, position, 300, async ({ base, rel }) => {
    const cursor = {
      etag: 'f'.repeat(64),
      filter: '0'.repeat(16),
      after: { date: '2026-06-09', mtime: NOW, base, rel }
    }
    const text = encodeCursor(cursor)
    return /^[\w-]+$/.test(text) && JSON.stringify(decodeCursor(text)) === JSON.stringify(cursor)
  })
  await holds(t, fc.string(), 300, async (text) => decodeCursor(text) === undefined)
})

t.test('the coding of an answer is the one that is wanted most', async (t) => {
  const large = 5000
  const table: [string | undefined, number, string | undefined][] = [
    [undefined, large, 'identity'],
    ['', large, 'identity'],
    ['gzip', large, 'gzip'],
    ['br', large, 'br'],
    ['gzip, deflate, br, zstd', large, 'br'],
    ['gzip;q=1.0, br;q=0.5', large, 'gzip'],
    ['GZIP', large, 'gzip'],
    ['*', large, 'br'],
    ['*;q=0.5, br;q=0', large, 'gzip'],
    ['gzip;q=0', large, 'identity'],
    ['gzip;q=0.5, identity', large, 'identity'],
    ['gzip;q=0, br;q=0, *', large, 'identity'],
    ['deflate', large, 'identity'],
    ['gzip', 10, 'identity'],
    ['gzip, identity;q=0', 10, 'gzip'],
    ['gzip, *;q=0', 10, 'gzip'],
    ['identity;q=0', large, undefined],
    ['br;q=-1', large, 'identity'],
    ['br;q=2, gzip', large, 'gzip'],
    ['br;q=x, gzip ; q = 0.1', large, 'gzip'],
    ['br;q=0.1234', large, 'identity'],
    ['*;q=0', 10, undefined],
    ['zstd, *;q=0', large, undefined]
  ]
  for (const [header, length, coding] of table)
    t.equal(chooseCoding(header, length), coding, `${header} of ${length}`)
  t.notOk(acceptsIdentity('gzip, *;q=0'))
  t.ok(acceptsIdentity('gzip'))
})

t.test('a tag names the same listing in any coding, quoted or not', async (t) => {
  for (const tag of ['abc', '"abc"', 'W/"abc"', '"abc-br"', 'abc-gzip', ' "abc-gzip" '])
    t.equal(digestIn(tag), 'abc', tag)
  t.not(digestIn('"abc-zstd"'), 'abc')
})

t.test('a coding is made once; for a new listing those at once that were asked of the last', async (t) => {
  const [one, two, three] = ['1', '2', '3'].map((text) => new Answer(Buffer.from(text.repeat(5000)))) as [
    Answer,
    Answer,
    Answer
  ]
  const made = one.in('gzip')
  t.ok(made instanceof Promise)
  t.equal(one.in('gzip'), made, 'shared while it is made')
  const bytes = await made
  t.equal(one.in('gzip'), bytes, 'kept when it is')
  two.prepareLike(one)
  const prepared = two.in('gzip')
  t.ok(prepared instanceof Promise)
  await prepared
  t.ok(Buffer.isBuffer(two.in('gzip')))
  const untouched = new Answer(Buffer.from('4'.repeat(5000)))
  untouched.prepareLike(three)
  three.prepareLike(untouched)
  t.ok(three.in('br') instanceof Promise, 'what nobody asked for is not made')
  t.equal(new Set([one.etag('gzip'), one.etag('br'), one.etag('identity'), two.etag('gzip')]).size, 4)
})

t.test('much work at once leaves others their turns', async (t) => {
  const text = 'x'.repeat(10_000)
  function* work(): Generator<void, string> {
    for (let i = 0; i < 1500; i++) {
      digestOf(text)
      yield
    }
    return 'done'
  }
  let turns = 0
  const state = { isOver: false }
  const others = async () => {
    for (; !state.isOver; turns++) await new Promise(setImmediate)
  }
  const waiting = others()
  const failing = inSlices(
    (function* (): Generator<void, string> {
      yield
      throw new Error('no')
    })()
  )
  const works = Array.from({ length: 50 }, () => inSlices(work()))
  await t.rejects(failing, { message: 'no' })
  t.strictSame(new Set(await Promise.all(works)), new Set(['done']))
  state.isOver = true
  await waiting
  t.ok(turns > 10, `${turns} turns`)
})

t.test('a manifest of another program has to be one that pages can lead through', async (t) => {
  const good = [entry('a', '1'), entry('a', '2')]
  const manifestOf = (reports: Entry[], generatedAt = NOW) => {
    const tracked = reports.map((each) => track(each, NO_STAMP, false))
    const { etag } = encodeManifest(tracked, [], noRows, () => generatedAt).facts
    return Buffer.from(
      JSON.stringify({ version: 1, etag, generatedAt, count: reports.length, bases: [], reports })
    )
  }
  t.ok(openManifest(manifestOf(good)))
  const [one, two] = good as [Entry, Entry]
  for (const [what, reports] of Object.entries({
    'another order': [two, one],
    'a report twice': [one, one, two],
    'a report twice, apart': [one, two, { ...one, date: '2026-01-01' }],
    'no such day': [{ ...one, date: '2026-13-45' }],
    'no such moment': [{ ...one, mtime: '2026-01-01T99:00:00.000Z' }],
    'half a character': [{ ...one, rel: '\ud800a' }],
    'NUL in a path': [{ ...one, rel: 'a\0b' }]
  }))
    t.equal(openManifest(manifestOf(reports)), undefined, what)
  t.equal(openManifest(manifestOf(good, '2026-99-99T99:99:99.999Z')), undefined, 'written at no time')
})
