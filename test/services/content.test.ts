import t from 'tap'
import type { Entry } from '../../src/schemas/entry.js'
import { makeEntry, wantsHead } from '../../src/services/entry.js'
import { load } from '../../src/services/parsers.js'

for (const parser of ['yaml', 'markdown', 'html', 'charsets'] as const) await load(parser)

const MTIME = 1_780_000_000_123_456_789n

function look(rel: string, content: string | Buffer, cut = false) {
  const bytes = Buffer.from(content)
  return makeEntry({ base: 'b', rel, size: bytes.length, mtimeNs: MTIME }, { bytes, cut })
}

function entryOf(rel: string, content: string | Buffer, cut = false): Entry {
  return look(rel, content, cut).entry
}

function titleOf(rel: string, content: string | Buffer, cut = false): string {
  return entryOf(rel, content, cut).title
}

const matter = (...lines: string[]) => `---\n${lines.join('\n')}\n---\n# Heading\n`

t.test('an entry has the seven fields, in their order', async (t) => {
  t.strictSame(Object.entries(entryOf('a/2026-06-09-x.md', matter('title: T', 'type: audit'))), [
    ['base', 'b'],
    ['rel', 'a/2026-06-09-x.md'],
    ['title', 'T'],
    ['date', '2026-06-09'],
    ['type', 'audit'],
    ['mtime', '2026-05-28T20:26:40.123Z'],
    ['size', Buffer.from(matter('title: T', 'type: audit')).length]
  ])
})

t.test('scalars of front matter are the text they were written as', async (t) => {
  const cases: [string, string][] = [
    ['title: 1.10', '1.10'],
    ['title: 0x1F', '0x1F'],
    ['title: true', 'true'],
    ['title: 2026-06-09', '2026-06-09'],
    ['title: "a: b"', 'a: b'],
    ["title: 'it''s'", "it's"],
    ['title: "null"', 'null'],
    ['title: >-\n  a\n  b', 'a b'],
    ['title: |\n  a\n  b', 'a b'],
    ['title: a # comment', 'a'],
    ['"title": quoted key', 'quoted key'],
    ['? title\n: explicit', 'explicit'],
    ['a: &x hello\ntitle: *x', 'hello'],
    ['title: !!int "7"', '7'],
    ['title: !local thing', 'thing'],
    ['title: !e!undeclared thing', 'thing'],
    ['title: !!js/function "x"', 'x'],
    ['title: !!binary aGk=', 'aGk='],
    ['__proto__: {title: no}\nconstructor: no\ntitle: yes', 'yes'],
    ['title: "caf\\u00e9"', 'café']
  ]
  for (const [lines, expected] of cases) t.equal(titleOf('x.md', matter(lines)), expected, lines)
})

t.test('what is no text in front matter yields nothing, without a warning', async (t) => {
  const lines = [
    'title:',
    'title: ~',
    'title: null',
    'title: NULL',
    'title: [a]',
    'title: {a: b}',
    'title: "  "'
  ]
  const others = [
    'Title: x',
    '[title]: x',
    'title.x: y',
    '- title: x',
    'just text',
    '# only a comment',
    '',
    '"\\u200b": x'
  ]
  for (const line of [...lines, ...others]) {
    const { entry, warnings } = look('x.md', matter(line))
    t.equal(entry.title, 'Heading', line)
    t.strictSame(warnings, [], line)
  }
})

t.test('front matter that does not parse costs itself, and a warning with its line', async (t) => {
  const cases: [string, number][] = [
    ['title: a: b', 2],
    ['type: x\ntitle: [a', 4],
    ['title: a\ntitle: b', 3],
    ['title: *nowhere', 2],
    ['\ttitle: x', 2],
    ['title: @x', 2],
    ['title: x\n...\ntype: y', 4],
    ['# c\n\u0000\ntitle: x', 3],
    [`a: &a x\nb: [${'*a, '.repeat(51)}]`, 3],
    [`a: ${'['.repeat(200)}${']'.repeat(200)}`, 2]
  ]
  for (const [lines, line] of cases) {
    const { entry, warnings } = look('x.md', matter(lines))
    t.equal(entry.title, 'Heading', lines.slice(0, 40))
    t.equal(entry.type, 'markdown')
    t.match(warnings, [{ code: 'front-matter', base: 'b', rel: 'x.md' }], lines.slice(0, 40))
    t.equal(warnings.length, 1)
    t.ok(Math.abs((warnings[0]?.line ?? 0) - line) <= 1, `${lines.slice(0, 40)} at line ${warnings[0]?.line}`)
  }
})

t.test('the same broken front matter warns each time it is read', async (t) => {
  for (const time of ['first', 'second']) {
    t.equal(look('x.md', matter('title: a: b: c')).warnings.length, 1, `the ${time} time`)
  }
})

t.test('marker lines', async (t) => {
  const cases: [string, string][] = [
    ['---\r\ntitle: T\r\n---\r\n# H\r\n', 'T'],
    ['--- \t\ntitle: T\n---\t \n# H\n', 'T'],
    ['---\ntitle: T\n---', 'T'],
    ['---\ntitle: T\n----\n---\n# H', 'H'],
    ['---\ntitle: T\n# H\n', 'H'],
    ['\n---\ntitle: T\n---\n# H\n', 'H'],
    ['----\ntitle: T\n----\n# H\n', 'H'],
    ['---\n---\n# H\n', 'H'],
    ['---\ntitle: "a\n  ---b"\n---\n# H\n', 'a ---b'],
    ['\ufeff---\ntitle: T\n---\n', 'T']
  ]
  for (const [text, expected] of cases) t.equal(titleOf('x.md', text), expected, JSON.stringify(text))
})

t.test('a language behind the opening marker runs no code and is no front matter', async (t) => {
  const marker = globalThis as { ran?: boolean }
  for (const language of ['js', 'javascript', 'coffee', 'json', 'yaml', 'constructor', 'toString']) {
    const text = `---${language}\n{"title": "X", "a": (globalThis.ran = true)}\n---\n# H\n`
    t.equal(titleOf('x.md', text), 'H', language)
  }
  t.equal(marker.ran, undefined)
})

t.test('64 KiB of anything as front matter ends soon', async (t) => {
  const size = 65_000
  const blocks = [
    '['.repeat(size),
    '{a: '.repeat(size / 4),
    '- '.repeat(size / 2),
    '\n'.repeat(size),
    ' \n'.repeat(size / 2),
    `a: &a x\n${'- *a\n'.repeat(size / 5)}`,
    Array.from({ length: 9000 }, (_, i) => `k${i}:`).join('\n'),
    '"'.repeat(size),
    '# comment\n'.repeat(size / 10),
    '\r'.repeat(size),
    '\r '.repeat(size / 2),
    '\u2028'.repeat(size / 3),
    `k:${"{%: '".repeat(4000)}`,
    "{a: '".repeat(size / 5)
  ]
  for (const block of blocks) {
    const began = performance.now()
    t.equal(titleOf('x.md', `---\n${block}\n---\n# H\n`), 'H')
    t.ok(performance.now() - began < 5000, `${escape(block.slice(0, 10))}…: not quadratic`)
  }
})

t.test('a heading as CommonMark reads it', async (t) => {
  const cases: [string, string][] = [
    ['# One\n# Two', 'One'],
    ['One\n===', 'One'],
    ['One\ntwo\n=', 'One two'],
    ['   # Three spaces', 'Three spaces'],
    ['    # code\n\n# Real', 'Real'],
    ['# closed ##', 'closed'],
    ['#no heading\n\n# Real', 'Real'],
    ['## second level\n\n# First level', 'First level'],
    ['```\n# code\n```\n# Real', 'Real'],
    ['~~~\n# code', 'X'],
    ['<!--\n# comment\n-->\n\n# Real', 'Real'],
    ['<div>\n# html\n</div>\n\n# Real', 'Real'],
    ['> # quote\n\n# Real', 'Real'],
    ['- # list\n\n# Real', 'Real'],
    [`${'- '.repeat(30)}deep\n\n# Real`, 'Real'],
    ['# a *b* **c** `d` [e](f) <b>g</b> &amp; \\*', 'a b c d e g & *'],
    ['# ![alt *text*](i.png) and ![](j.png)', 'alt text and'],
    ['# [ref] and [x][ref]\n\n[ref]: /u', 'ref and x'],
    ['# [no ref]', '[no ref]'],
    ['# <https://example.org>', 'https://example.org'],
    ['# a\\\nb', 'a\\'],
    ['a  \nb\n===', 'a b'],
    ['#\n\n# Second', 'X'],
    ['# ![](only.png)\n\n# Second', 'X'],
    ['\r\n# With\r\n', 'With'],
    ['# tab\there', 'tab here'],
    ['text only', 'X']
  ]
  for (const [text, expected] of cases) t.equal(titleOf('x.md', text), expected, JSON.stringify(text))
})

t.test('a heading is what the reference parser says, whatever its links lead to', async (t) => {
  const cases: [string, string][] = [
    ['# [report](file:///srv/r.md) of June', 'report of June'],
    ['# ![Logo](data:image/svg+xml;base64,AA==) Report', 'Logo Report'],
    [`# ![Logo](data:image/png;base64,${'A'.repeat(30_000)}) Report`, 'Logo Report'],
    ['# [r][a]\n\n[a]: javascript:x', 'r'],
    ['# See <https://x.example/%C3%BC>', 'See https://x.example/%C3%BC'],
    ['# <?<!y>', '<?'],
    ['# A&#x7f;B&#1;C', 'ABC'],
    [`${'- '.repeat(501)}x\n\n# Title`, 'Title']
  ]
  for (const [text, expected] of cases) t.equal(titleOf('x.md', text), expected, text.slice(0, 60))
})

t.test('64 KiB of hostile Markdown ends soon', async (t) => {
  for (const piece of [
    '![a',
    '_***<a![',
    '[![',
    '[a][',
    '*a ',
    '<a ',
    '`',
    '> ',
    '- ',
    ' ',
    '\t',
    'x ',
    '[a]: /b\n',
    'a\n=\n'
  ]) {
    const began = performance.now()
    titleOf('x.md', `# ${piece.repeat(65_000 / piece.length)}`)
    titleOf('x.md', `${piece.repeat(65_000 / piece.length)}\n\n# H`)
    titleOf('x.md', `## x${piece.repeat(65_000 / piece.length)}y\n# H`)
    t.ok(performance.now() - began < 5000, JSON.stringify(piece))
  }
})

t.test('a heading counts in Markdown alone', async (t) => {
  t.equal(titleOf('x.txt', '# Heading'), 'X')
  t.equal(titleOf('x.log', '# Heading'), 'X')
  t.equal(titleOf('x.html', '# Heading'), 'X')
})

t.test('HTML as the HTML standard parses it', async (t) => {
  const cases: [string, string][] = [
    ['<title>A &amp; B &lt;c&gt; &eacute;</title>', 'A & B <c> é'],
    ['<TITLE>\n a \n b </TITLE>', 'a b'],
    ['<title> </title><h1>H</h1>', 'H'],
    ['<h1>a<br>b <em>c</em><script>d</script></h1>', 'a b c'],
    ['<title>open <b>x', 'open <b>x'],
    ['<h1>open <b>x', 'open x'],
    ['<!-- <title>no</title> --><title>yes</title>', 'yes'],
    ['<script>"<title>no</title>"</script><title>yes</title>', 'yes'],
    ['<svg><title>no</title></svg><h1>yes</h1>', 'yes'],
    ['<svg><foreignObject><h1>no</h1></foreignObject></svg><h1>yes</h1>', 'yes'],
    ['<h1>a<svg><title>no</title></svg><template>no</template>b</h1>', 'ab'],
    ['<template><h1>no</h1></template><h1>yes</h1>', 'yes'],
    ['<noscript><h1>no</h1></noscript><h1>yes</h1>', 'yes'],
    ['<h1></h1><h1>second</h1>', 'X'],
    ['<body><p>text<title>late</title>', 'late'],
    ['<textarea><title>no</title></textarea><h1>yes</h1>', 'yes'],
    ['---\ntitle: F\n---\n<title>T</title>', 'F'],
    ['---\ntype: t\n---\n<title>T</title>', 'T']
  ]
  for (const [text, expected] of cases) t.equal(titleOf('x.html', text), expected, text)
})

t.test('the metas of an HTML report', async (t) => {
  const meta = (...attributes: string[]) =>
    entryOf('x.html', attributes.map((each) => `<meta ${each}>`).join(''))
  t.equal(meta('name=date content=2026-01-02').date, '2026-01-02')
  t.equal(meta('property=DATE content="2026-01-02T03:04Z"').date, '2026-01-02T03:04:00.000Z')
  t.equal(
    meta('name=article:published_time content=2026-01-01', 'name=DCTERMS.date content=2026-01-02').date,
    '2026-01-02'
  )
  t.equal(
    meta('name=date content=soon', 'property=article:published_time content=2026-01-03').date,
    '2026-01-03'
  )
  t.equal(meta('name=report-type content=r', 'name=TYPE content="  t  t "').type, 't t')
  t.equal(meta('name=type content=" "', 'name=report-type content=r').type, 'r')
  t.equal(meta('property=type content=r').type, 'html')
})

t.test('64 KiB of hostile HTML ends soon', async (t) => {
  const bombs = [
    `<h1>T</h1><p>${Array.from({ length: 3000 }, (_, i) => `<b a${i}>`).join('')}${'</p><p>x'.repeat(4000)}`,
    `<h1>T</h1>${'<div>'.repeat(13_000)}`,
    `<h1>T</h1>${'<table><tr><td>'.repeat(4000)}`
  ]
  for (const bomb of bombs) {
    const began = performance.now()
    t.equal(titleOf('x.html', bomb), 'T')
    t.ok(performance.now() - began < 5000, bomb.slice(0, 20))
  }
})

t.test('encodings', async (t) => {
  const latin = (text: string) => Buffer.from(text, 'latin1')
  t.equal(titleOf('x.md', Buffer.from('\ufeff# Ünï', 'utf16le')), 'Ünï')
  t.equal(titleOf('x.md', Buffer.from('\ufeff# Ünï', 'utf16le').swap16()), 'Ünï')
  t.equal(titleOf('x.md', latin('# caf\xe9')), 'caf\ufffd')
  t.equal(titleOf('x.html', latin('<title>caf\xe9</title>')), 'caf\ufffd')
  t.equal(titleOf('x.html', latin('<meta charset=latin1><title>\x93caf\xe9\x94</title>')), '“café”')
  t.equal(
    titleOf(
      'x.html',
      latin('<title>\xcf\xf0</title><meta http-equiv=Content-Type content="text/html; charset=windows-1251">')
    ),
    'Пр'
  )
  t.equal(titleOf('x.html', latin('<?xml version="1.0" encoding="iso-8859-2"?><title>\xe8</title>')), 'č')
  t.equal(titleOf('x.html', latin('<meta charset=nonsense><title>\xe9</title>')), '\ufffd')
  t.equal(titleOf('x.html', latin('<meta charset=utf-16><title>\xe9</title>')), '\ufffd')
  t.equal(titleOf('x.html', '<meta charset=latin1><title>é is UTF-8</title>'), 'é is UTF-8')
  const known = '<meta charset=bogus><meta charset=""><meta charset=iso-8859-1>'
  t.equal(titleOf('x.html', latin(`${known}<title>caf\xe9</title>`)), 'café', 'the first label that is known')
  const behind = '---\nnote: <title> and <meta charset=koi8-r>\n---\n<meta charset=iso-8859-1>'
  t.equal(
    titleOf('x.html', latin(`${behind}<title>caf\xe9</title>`)),
    'café',
    'front matter declares no charset'
  )
  const cut = Buffer.concat([Buffer.from('<meta charset=latin1><title>é</title>'), Buffer.from([0xe2, 0x82])])
  t.equal(
    titleOf('x.html', cut, true),
    'é',
    'a character cut at the end of the head makes nothing another charset'
  )
})

t.test('nothing is read from a PDF or from an empty file', async (t) => {
  t.notOk(wantsHead('a.pdf', 10))
  t.notOk(wantsHead('a.md', 0))
  t.ok(wantsHead('a.md', 1))
  t.match(makeEntry({ base: 'b', rel: 'a-b.pdf', size: 9, mtimeNs: 0n }, undefined).entry, {
    title: 'A b',
    type: 'pdf',
    date: '1970-01-01'
  })
})

t.test('the chain of dates', async (t) => {
  t.equal(entryOf('2025/01/2026-06-09.md', matter('date: 2024-01-01')).date, '2024-01-01')
  t.equal(entryOf('2025/01/2026-06-09.md', matter('date: never')).date, '2026-06-09')
  t.equal(entryOf('2025/01/x.md', '').date, '2025-01-01')
  t.equal(entryOf('x.md', '').date, '2026-05-28')
})
