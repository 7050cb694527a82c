import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { printable } from '../src/commands/printable.js'
import { barLine } from '../src/commands/progress.js'
import { lineOf, tableOf } from '../src/commands/table.js'
import { columns, cutTo, widthOf } from '../src/commands/terminal.js'
import type { Entry } from '../src/schemas/entry.js'
import { compareEntries } from '../src/services/order.js'
import { differencesOf, inBoth } from '../src/services/verify.js'
import { CLI, run, scratch } from './support.js'

const entry = (more: Partial<Entry>): Entry => ({
  base: 'a',
  rel: 'x/one.md',
  title: 'One',
  date: '2026-06-09',
  type: 'audit',
  mtime: '2026-06-09T13:41:56.123Z',
  size: 1,
  ...more
})

t.test(
  'a table is aligned, whatever the width of its letters, and never wider than the terminal',
  async (t) => {
    const entries = [
      entry({ title: 'A very long title that goes on and on, much longer than there is room for it' }),
      entry({
        title: '日本語の報告書',
        date: '2026-06-09T14:00:00.000Z',
        type: 'a type that is far too long'
      }),
      entry({ title: 'é👩‍👩‍👧 family', rel: `${'deep/'.repeat(40)}x.md`, base: 'base-with-a-long-name' })
    ]
    for (let width = 14; width < 200; width++) {
      for (const line of tableOf(entries, 5, width).trimEnd().split('\n'))
        t.ok(widthOf(line) <= width, `${width}: ${line}`)
    }
    const lines = tableOf(entries, 5, 120).trimEnd().split('\n')
    t.equal(lines.length, 5)
    t.match(lines[0], /^DATE {14}TYPE +BASE +TITLE +REPORT$/)
    t.equal(lines.at(-1), '3 of 5 reports')
    t.match(tableOf(entries.slice(0, 1), 1, 120), /\n1 report\n$/)
    const places = lines.slice(1, 4).map((line) => widthOf(line.slice(0, line.search(/ {2}(?:x\/|deep)/))))
    t.equal(places[0], places[2], 'the last column begins in one place')
  }
)

t.test('what is shown can not act on a terminal', async (t) => {
  t.equal(
    printable('a\u001b[31mb\u0007\u009b\u202e\u2066c\nd'),
    'a\\x1b[31mb\\x07\\x9b\\u{202e}\\u{2066}c\\x0ad'
  )
  const hostile = entry({ title: 'x\u001b]0;gone\u0007\ty', rel: 'a\nb\t.md' })
  t.equal(lineOf(hostile).split('\t').length, 5)
  t.equal(lineOf(hostile).split('\n').length, 2)
  t.notMatch(tableOf([hostile], 1, 80), /[\u0007\u001b]/)
})

t.test('a text without UTF-8 is listed like any other, and can be told from others', async (t) => {
  for (const rel of ['x\ud800.md', '\udfff/\ud800', '\ud83d']) {
    const odd = entry({ rel })
    for (const shown of [lineOf(odd), tableOf([odd], 1, 120)]) {
      t.match(shown, /\\u\{d[8-f]/)
      t.equal(Buffer.from(shown).toString(), shown)
    }
  }
})

t.test('a text is cut to a width, at whole characters', async (t) => {
  t.equal(cutTo('short', 5), 'short')
  t.equal(cutTo('longer', 5), 'long…')
  t.equal(cutTo('日本語', 5), '日本…')
  t.equal(cutTo('日本語', 4), '日…')
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.nat(20), async (text, width) => {
      const plain = printable(text)
      t.ok(widthOf(cutTo(plain, width)) <= Math.max(1, width) || widthOf(plain) <= width)
    }),
    { numRuns: 200 }
  )
  t.equal(
    columns([
      ['a', 'b'],
      ['日本', 'c']
    ]),
    'a     b\n日本  c\n'
  )
})

t.test('a bar tells how far a base is, and how long the rest may take', async (t) => {
  const base = { name: 'cloud', folders: 1, files: 120, read: 20, expected: 480 }
  t.equal(
    barLine({ name: 'cloud', base, step: 'scan' }, 3000),
    'cloud  ▕██████                  ▏  25 %  120 looked at, 20 read, 9 s left'
  )
  t.match(
    barLine({ name: 'cloud', base: { ...base, files: 999 }, step: 'scan' }, 1),
    / 100 % {2}999 looked at/
  )
  t.match(barLine({ name: 'cloud', base, step: 'save' }, 1), / 100 %/)
  const { expected: _expected, ...first } = base
  t.equal(barLine({ name: 'cloud', base: first, step: 'scan' }, 1), 'cloud  120 looked at, 20 read')
})

/** Nobody says whether there are colours. */
const NO_OPINION = { FORCE_COLOR: undefined, NO_COLOR: undefined, COLORTERM: undefined, CI: undefined }

const names = fc.uniqueArray(
  fc.record({
    base: fc.constantFrom('a', 'b'),
    rel: fc.string({ minLength: 1, maxLength: 3 }),
    date: fc.constantFrom('2026-06-09', '2026-06-10'),
    title: fc.constantFrom('One', 'Two')
  }),
  { selector: ({ base, rel }) => `${base}\0${rel}`, maxLength: 8 }
)

t.test('a listing differs from itself in nothing, from any other in something', async (t) => {
  await fc.assert(
    fc.asyncProperty(names, names, fc.boolean(), async (left, right, turn) => {
      const a = left.map(entry).toSorted(compareEntries)
      const b = turn ? a.toReversed() : right.map(entry).toSorted(compareEntries)
      const isSame = JSON.stringify(a) === JSON.stringify(b)
      t.equal(differencesOf('manifest', a, b).length === 0, isSame)
    }),
    { numRuns: 300 }
  )
  const one = entry({})
  const [gone, odd] = [entry({ rel: 'gone' }), entry({ rel: 'odd' })].map((each) =>
    differencesOf('manifest', [each], [])
  )
  t.strictSame(inBoth([...(gone ?? []), ...(odd ?? [])], odd ?? []), odd, 'what one look alone saw is none')
  t.match(differencesOf('service', [one], [one, one]), [{ kind: 'extra', where: 'service' }])
  t.match(differencesOf('service', [one], [null, 7, {}, one]), [
    { kind: 'extra' },
    { kind: 'extra' },
    { kind: 'extra' }
  ])
})

t.test(
  'on a terminal there are bars and colours, and none with NO_COLOR',
  { skip: !existsSync('/usr/bin/script') && 'needs script' },
  async (t) => {
    const many = Array.from({ length: 4000 }, (_, i) => [`a/${i}.md`, '# One'])
    const folder = scratch(t, Object.fromEntries(many))
    const onTerminal = (words: string, env = {}) =>
      execFileSync(
        'script',
        [
          '-qec',
          `stty cols 100; ${process.execPath} ${CLI} ${words} --base a=${folder}/a --manifest ${folder}/m.json`,
          '/dev/null'
        ],
        {
          env: { ...process.env, NODE_OPTIONS: '', TERM: 'xterm-256color', ...NO_OPINION, ...env },
          encoding: 'utf8'
        }
      )
    onTerminal('build')
    t.match(onTerminal('build --full'), /a {2}▕.{24}▏ +\d+ % {2}\d+ looked at, \d+ read/)
    t.match(onTerminal('list --limit 3'), /\u001b\[1mOne/)
    t.notMatch(onTerminal('list --limit 3', { NO_COLOR: '1' }), /\u001b\[\d/)
    t.match(onTerminal('list --limit 3', { NO_COLOR: '1' }), /^DATE +TYPE +BASE +TITLE +REPORT\r\n/)
  }
)

t.test('each command answers --help', async (t) => {
  for (const command of ['serve', 'build', 'list', 'verify']) {
    const { code, stdout } = await run([command, '--help'])
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: reports-index ${command}`))
    t.match(stdout, /REPORTS_INDEX_BASES/)
  }
  t.match((await run(['list', '-h'])).stdout, /--from DAY/)
  t.match((await run(['-h'])).stdout, /verify \[--json\] \[--url URL\]/)
})
