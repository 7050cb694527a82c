import fc from 'fast-check'
import t from 'tap'
import type { Entry } from '../../src/schemas/entry.js'
import { digestOf, namesEtag } from '../../src/services/etag.js'
import { knownFrom } from '../../src/services/known.js'
import { encodeManifest, SEAL_LINE_BYTES, type Snapshot, sealLine } from '../../src/services/manifest.js'
import { type OpenedManifest, openManifest } from '../../src/services/open-manifest.js'
import { compareEntries } from '../../src/services/order.js'
import { arrange, noRows, settle } from '../../src/services/rows.js'
import { salvage } from '../../src/services/salvage.js'
import { makeSelect } from '../../src/services/select.js'
import { readStatus, statusPathOf } from '../../src/services/status.js'
import { NO_STAMP, type Trackeds, track, trackRow, withHeld } from '../../src/services/tracked.js'

const NOW = '2026-06-09T00:00:00.000Z'

function entry(rel: string, over: Partial<Entry> = {}): Entry {
  return {
    base: 'b',
    rel,
    title: `T ${rel}`,
    date: '2026-06-09',
    type: 'markdown',
    mtime: NOW,
    size: 1,
    ...over
  }
}

function encode(entries: Entry[]) {
  const tracked = entries.map((each, i) => track(each, { size: i, mtime: 1, ctime: 2, ino: 3 }, i % 2 === 0))
  const made = encodeManifest(tracked, [{ name: 'b', count: entries.length }], noRows, () => NOW)
  return { ...made, snapshot: made.snapshot() }
}

t.test('a manifest is JSON that another program can read', async (t) => {
  const entries = [entry('a.md'), entry('ü"\n.md')]
  const { bytes, snapshot } = encode(entries)
  const parsed = JSON.parse(bytes.toString())
  t.match(parsed, {
    version: 1,
    etag: snapshot.etag,
    generatedAt: NOW,
    count: 2,
    bases: [{ name: 'b', count: 2 }]
  })
  t.strictSame(parsed.reports, entries)
  for (const key of Object.keys(parsed).filter((key) => key !== 'count')) {
    t.equal(bytes.toString().split(`"${key}":`).length, 2, `${key} is there once`)
  }
})

t.test('the answer is a slice of the file, and the tag its digest', async (t) => {
  for (const entries of [[], [entry('a.md')], [entry('a.md'), entry('b.md')]]) {
    const { bytes, snapshot } = encode(entries)
    t.strictSame(JSON.parse(snapshot.body.toString()), {
      total: entries.length,
      count: entries.length,
      reports: entries
    })
    t.equal(snapshot.etag, digestOf(snapshot.body))
    t.ok(bytes.includes(snapshot.body.subarray(1, -2)), 'but for its braces')
    const opened = openManifest(Buffer.from(bytes))
    t.strictSame(opened?.snapshot, snapshot)
  }
})

t.test('what the builder tracks comes back as it was', async (t) => {
  const warning = { code: 'front-matter', base: 'b', rel: 'a.md', line: 3, message: 'no YAML' }
  const stamp = { size: 7, mtime: 1_780_000_000_123_456_768, ctime: 0, ino: 2 ** 60 }
  const tracked = [
    track(entry('a.md'), stamp, true, [warning]),
    withHeld(track(entry('b.md'), NO_STAMP, false), { since: 1_780_000_000_000, until: 'seen' }),
    withHeld(track(entry('c "\n.md'), { ...stamp, size: 0 }, true), { since: 5, until: 'confirmed' })
  ]
  const opened = openManifest(encodeManifest(tracked, [], noRows, () => NOW).bytes)
  const { entries, rows } = knownFrom(opened as OpenedManifest, '', undefined, ['b'], makeSelect(['**'], []))
  const back = [...(entries.get('b')?.values() ?? [])]
  t.strictSame(
    back,
    tracked.map((each, row) => trackRow(each, row, each))
  )
  t.strictSame(
    back.map((each) => rows.lineOf(each)),
    tracked.map(({ made }) => made?.line)
  )
})

/** What damage made of a manifest is not taken, or says what it said. */
function isHarmless(damaged: Buffer, whole: Snapshot): boolean {
  const opened = openManifest(damaged)
  if (!opened) return true
  const { body, etag, generatedAt } = opened.snapshot
  return body.equals(whole.body) && etag === whole.etag && generatedAt === whole.generatedAt
}

t.test('no single flipped bit changes what is taken', async (t) => {
  const { bytes, snapshot } = encode([entry('a.md'), entry('b.md')])
  let taken = 0
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
    if (!isHarmless(Buffer.from(damaged), snapshot)) t.fail(`bit ${bit}`)
    if (openManifest(damaged)) taken++
  }
  t.ok(
    taken < bytes.length * 8 * 0.05,
    `${taken} of ${bytes.length * 8} are taken as written by another program`
  )
})

t.test('no truncated or spliced manifest passes, and none throws', async (t) => {
  const { bytes, snapshot } = encode([entry('a.md'), entry('b.md')])
  for (let length = 0; length < bytes.length - 1; length++)
    t.notOk(openManifest(Buffer.from(bytes.subarray(0, length))))
  fc.assert(
    fc.property(
      fc.nat(bytes.length),
      fc.nat(bytes.length),
      fc.uint8Array({ maxLength: 50 }),
      (from, to, middle) =>
        isHarmless(Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)]), snapshot)
    ),
    { numRuns: 500 }
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (any) => openManifest(Buffer.from(any)) === undefined)
  )
  fc.assert(fc.property(fc.json(), (any) => openManifest(Buffer.from(any)) === undefined))
})

t.test('a manifest of another version is not taken', async (t) => {
  const { bytes } = encode([entry('a.md')])
  t.notOk(openManifest(Buffer.from(bytes.toString().replace('"version":1', '"version":2'))))
})

t.test(
  'a manifest that another program made is taken if its digest, count and schema are right',
  async (t) => {
    const { bytes, snapshot } = encode([entry('a.md')])
    const parsed = JSON.parse(bytes.toString())
    const anew = (change: object) =>
      openManifest(Buffer.from(JSON.stringify({ ...parsed, ...change }, null, 2)))
    t.strictSame(anew({})?.snapshot.body, snapshot.body)
    t.strictSame(anew({ more: 1 })?.snapshot.etag, snapshot.etag)
    for (const key of ['rules', 'listingBytes', 'stamps', 'held', 'seal'])
      t.match(anew({ [key]: undefined }), { snapshot: { etag: snapshot.etag } }, `without ${key}`)
    t.notOk(anew({ count: 2 }))
    t.notOk(anew({ etag: '0'.repeat(64) }))
    t.notOk(anew({ etag: undefined }))
    t.notOk(anew({ reports: [{ ...entry('a.md'), size: '1' }] }))
  }
)

t.test('a manifest that was written anew without changing a word is what it was', async (t) => {
  const bases = [{ name: 'b', count: 2, root: '0123456789abcdef', seen: true }]
  const held = { since: 1_780_000_000_000, until: 'seen' as const }
  const stamp = { size: 7, mtime: 1_780_000_000_123_456_768, ctime: 1, ino: 2 }
  const reports = [track(entry('a.md'), stamp, false), withHeld(track(entry('ä.md'), stamp, false), held)]
  const settings = { include: '0123456789abcdef' }
  const { bytes, facts } = encodeManifest(reports, bases, noRows, () => NOW, settings)
  const text = bytes.toString()
  const ways: Record<string, string> = {
    'in many lines': JSON.stringify(JSON.parse(text), null, 2),
    'in one line': JSON.stringify(JSON.parse(text)),
    'with the line ends of another system': text.replaceAll('\n', '\r\n'),
    'with a byte-order mark': `\ufeff${text}`,
    'with one more line end': `${text}\n`,
    'without a line end': text.trimEnd()
  }
  for (const [way, written] of Object.entries(ways)) {
    const opened = openManifest(Buffer.from(written)) as OpenedManifest
    const { body: _, ...told } = opened.snapshot
    t.strictSame(told, facts, way)
    const known = knownFrom(opened, 'x', undefined, ['b'], makeSelect(['**'], []))
    t.match(known.entries.get('b')?.get('ä.md'), { stamp, recheck: false, held }, way)
  }
  const sorted = JSON.stringify(JSON.parse(text), (_, value) =>
    value === null || typeof value !== 'object' || Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  )
  t.match(openManifest(Buffer.from(sorted))?.state.length, 0, 'what is not sealed any more is not relied on')
})

t.test('of a manifest by other rules only the entries and their counts are relied on', async (t) => {
  const bases = [{ name: 'b', count: 1, root: '0123456789abcdef', mount: 'x', seen: true }]
  const { bytes } = encodeManifest([track(entry('a.md'), NO_STAMP, false)], bases, noRows, () => NOW)
  const end = bytes.indexOf('\n')
  const head = bytes.toString('utf8', 0, end).replace('"rules":3', '"rules":2')
  const state = bytes.indexOf('\n"stamps"') + 1
  const seal = bytes.length - SEAL_LINE_BYTES
  const sealed = digestOf(head, bytes.subarray(state, seal))
  const older = Buffer.concat([Buffer.from(head), bytes.subarray(end, seal), Buffer.from(sealLine(sealed))])
  const opened = openManifest(older) as OpenedManifest
  t.equal(opened.state.length, 0)
  t.strictSame(opened.snapshot.bases, [{ name: 'b', count: 1, seen: true }])
})

t.test('what can be read of a manifest that cannot be taken is known by no stamp', async (t) => {
  const { bytes } = encode([entry('a.md'), entry('b.md')])
  const text = bytes.toString()
  const cut = text.slice(0, text.indexOf('"b.md"'))
  const cases: [string, string, string[], boolean][] = [
    ['of another version', text.replace('"version":1', '"version":2'), ['a.md', 'b.md'], true],
    ['with a changed title', text.replace('"title":"T a', '"title":"U a'), ['a.md', 'b.md'], false],
    ['cut short', cut, ['a.md'], false],
    ['one entry of which is none', text.replace('"size":1', '"size":"1"'), ['b.md'], false]
  ]
  for (const [what, written, rels, isVerified] of cases) {
    t.notOk(openManifest(Buffer.from(written)), what)
    const salvaged = salvage(Buffer.from(written))
    t.strictSame(
      salvaged?.entries.map(({ rel }) => rel),
      rels,
      what
    )
    t.equal(salvaged?.isVerified, isVerified, what)
    t.ok(salvaged?.entries.every(({ recheck }) => recheck))
  }
  for (const nothing of ['', '{}', 'null', '[1]', '{"reports":[{"base":"../x"}]}'])
    t.equal(salvage(Buffer.from(nothing)), undefined, nothing)
})

t.test('the order is total: any shuffle of the same entries sorts to the same listing', async (t) => {
  const dates = fc.constantFrom('2026-06-09', '2026-06-09T10:00:00.000Z', '2026-06-10')
  const names = fc.constantFrom('a', 'A', 'ä', '\ufffd', '😀', 'b/c', 'b-c')
  const entries = fc.uniqueArray(
    fc.record({
      base: fc.constantFrom('x', 'y'),
      rel: names,
      date: dates,
      mtime: fc.constantFrom(NOW, '2027-01-01T00:00:00.000Z')
    }),
    { selector: ({ base, rel }) => `${base}/${rel}`, maxLength: 14 }
  )
  fc.assert(
    fc.property(
      entries.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        const sort = (some: typeof all) => some.map((each) => entry(each.rel, each)).toSorted(compareEntries)
        return JSON.stringify(sort(all)) === JSON.stringify(sort(shuffled))
      }
    )
  )
  const order = [
    entry('z', { date: '2026-06-10' }),
    entry('z', { date: '2026-06-09T10:00:00.000Z' }),
    entry('z', { mtime: '2027-01-01T00:00:00.000Z' }),
    entry('z', { base: 'a' }),
    entry('Z'),
    entry('z'),
    entry('😀'),
    entry('\ufffd')
  ]
  t.strictSame(order.toReversed().toSorted(compareEntries), order)
})

t.test('If-None-Match: lists, any, weak comparison', async (t) => {
  const tag = '"abc"'
  for (const header of ['"abc"', 'W/"abc"', '*', ' * ', '"x", "abc"', '"x",W/"abc"', '"a,b" , "abc"'])
    t.ok(namesEtag(header, tag), header)
  for (const header of [undefined, '', 'abc', '"abcd"', '"x"', '"x"abc"', 'w/"abc"', '"*"'])
    t.notOk(namesEtag(header, tag), header ?? 'none')
})

t.test('the companion lies beside its manifest, and is taken only whole', async (t) => {
  t.equal(statusPathOf('/a/reports-index.json'), '/a/reports-index.status.json')
  t.equal(statusPathOf('/a.json/manifest'), '/a.json/manifest.status.json')
  t.equal(statusPathOf('/a/.json'), '/a/.json.status.json')
  const status = {
    version: 1,
    etag: '0'.repeat(64),
    startedAt: NOW,
    checkedAt: NOW,
    durationMs: 1,
    bases: [],
    warnings: []
  }
  t.strictSame(readStatus(JSON.stringify(status)), status)
  t.notOk(readStatus(JSON.stringify({ ...status, version: 2 })))
  t.notOk(readStatus('{'))
})

t.test('a listing that goes on from the one before is the same as one that is made anew', async (t) => {
  const rel = fc.constantFrom('a', 'b', 'c/d', 'ä', 'z "', '😀', 'x/1', 'x/2', 'x/3')
  // Most stay as they are from one state to the next.
  const date = fc.constantFrom(...Array(6).fill('2026-06-09'), '2026-06-09T10:00:00.000Z')
  const states = fc.array(
    fc.dictionary(rel, fc.record({ date, title: fc.constantFrom(...Array(6).fill('T'), 'Ü "') })),
    {
      minLength: 1,
      maxLength: 8
    }
  )
  fc.assert(
    fc.property(states, (all) => {
      let rows = noRows
      let known: Trackeds = new Map()
      for (const state of all) {
        const next: Trackeds = new Map()
        for (const [name, more] of Object.entries(state)) {
          const made = track(entry(name, more), { size: 1, mtime: 1, ctime: 1, ino: 1 }, false)
          const before = known.get(name)
          const isSame = before && rows.lineOf(before) === made.made?.line
          next.set(name, isSame ? before : made)
        }
        const reports = arrange(rows, [{ entries: next }])
        const made = encodeManifest(reports, [], rows, () => NOW)
        const entries = Object.entries(state).map(([name, more]) => entry(name, more))
        const anew = encode(entries.toSorted(compareEntries))
        settle(reports)
        t.ok(made.snapshot().body.equals(anew.snapshot.body))
        t.equal(made.facts.etag, anew.facts.etag)
        rows = made.rows
        known = next
      }
    }),
    { numRuns: 200 }
  )
})
