import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeText } from '../../src/services/decode.js'
import { makeEntry } from '../../src/services/entry.js'
import { headingAtOnce } from '../../src/services/heading.js'
import type { HtmlFacts } from '../../src/services/html.js'
import { parseHtml } from '../../src/services/html-tree.js'
import { parseHeading } from '../../src/services/markdown.js'
import { load, ParserWanted, withParsers } from '../../src/services/parsers.js'
import { readPlainBlock } from '../../src/services/plain-block.js'
import { readPlainHtml } from '../../src/services/plain-head.js'
import { foldText } from '../../src/services/text.js'
import { readYamlKeys } from '../../src/services/yaml.js'

const KEYS = ['title', 'date', 'type']
const numRuns = 3000

const at = (rel: string, text: string | Buffer) => {
  const bytes = Buffer.from(text)
  return makeEntry({ base: 'b', rel, size: bytes.length, mtimeNs: 0n }, { bytes, cut: false }).entry
}

const plainHtml = (title: string) =>
  `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="date" content="2026-06-09">\n` +
  `<style>p { margin: 0 }</style>\n<!-- made by a program -->\n<title>${title}</title>\n</head>\n<body class="x">\n<h1>H</h1>`

t.test('what most reports look like is understood without a parser', async (t) => {
  const front = '---\ntitle: Weekly\ndate: 2026-06-09\ntags: [a, b]\nby:\n  name: A\nmore:\n  - x\n---\n'
  t.match(at('a.md', `${front}\n# H\n`), { title: 'Weekly', date: '2026-06-09' })
  t.match(at('a.md', front.replaceAll('\n', '\r\n')), { title: 'Weekly' })
  t.match(at('a.md', '---\ntitle: >-\n  Two\n  lines\n---\n'), { title: 'Two lines' })
  t.match(at('a.md', '\ufeff# Heading & more ##\n\ntext'), { title: 'Heading & more' })
  t.match(at('a.md', '```toml\n# no heading\n```\n\n# Heading\n'), { title: 'Heading' })
  t.match(at('no-heading.md', 'text\n\n```sh\n# comment\n```\n'), { title: 'No heading' })
  t.match(at('a.txt', `${front}text`), { title: 'Weekly' })
  t.match(at('a.html', plainHtml('A &amp; B – C')), { title: 'A & B – C', date: '2026-06-09' })
  t.match(at('only-text.html', '---\nname: x\n---\nno markup'), { title: 'Only text' })
})

t.test('what is not plain wants its parser, which is loaded once', async (t) => {
  const texts = {
    yaml: ['a.md', '---\ntitle: &x A\n---\n'],
    markdown: ['a.md', '# *A*\n'],
    html: ['a.html', '<p><title>A</title>'],
    charsets: ['a.md', Buffer.from('\ufeff# A\n', 'utf16le')]
  } as const
  for (const [name, [rel, text]] of Object.entries(texts)) {
    t.throws(() => at(rel, text), new ParserWanted(name as keyof typeof texts))
    t.match(await withParsers(() => at(rel, text)), { title: 'A' }, name)
    t.match(at(rel, text), { title: 'A' })
  }
})

t.test('plain front matter means the same to a YAML parser', async (t) => {
  const word = fc.constantFrom(
    ...[
      [
        'title',
        'a',
        'null',
        '~',
        '2026-06-09',
        '"x"',
        "'y'",
        '"a\\n"',
        ':',
        '#',
        ' #',
        ': ',
        '-',
        '- ',
        '[a, b]',
        '["a: b", \'c\' , d]',
        '{a: b, c: "d, a: e"}',
        '{a: b, a: c}',
        '{ a: b}',
        '{}',
        '{a}'
      ],
      [
        '[a',
        '{a}',
        '&x',
        '*x',
        '!t',
        '|',
        '>-',
        '\u00a0',
        'é',
        '日本',
        '...',
        '---',
        '"',
        "'",
        '?',
        '%',
        '@',
        '`'
      ],
      [
        '/x',
        '(y)',
        '.5',
        '1.10',
        'true',
        ',',
        'x:',
        '\\',
        '$',
        '_k',
        '\ufeff',
        '\u2028',
        '\t',
        'ab c',
        'x: y',
        '<<'
      ]
    ].flat()
  )
  const value = fc
    .tuple(fc.array(word, { maxLength: 4 }), fc.constantFrom('', ' '))
    .map(([all, by]) => all.join(by))
  const key = fc.constantFrom('title', 'date', 'type', 'tags', 'k1', 'k-2', '__proto__')
  const line = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(key, fc.constantFrom(': ', ':', ':  ', ' : '), value).map((all) => all.join(''))
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('', '  ', '    '), fc.constantFrom('- ', '-'), value)
        .map((all) => all.join(''))
    },
    fc.tuple(key, fc.constantFrom(': >-', ': >', ': |', ': |-', ': |+', ': >2')).map((all) => all.join('')),
    fc
      .tuple(fc.constantFrom('  ', '    ', ' '), fc.constantFrom('k1: a', 'title: c', 'k3:', 'text', '- x'))
      .map((all) => all.join('')),
    fc.constantFrom('', '# c', ' # c', '  ', 'key:', 'tags:'),
    fc.string({ maxLength: 12 })
  )
  let taken = 0
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
      const block = lines.map((each) => each + end).join('')
      const plain = readPlainBlock(block, KEYS)
      if (!plain) return
      taken++
      deepStrictEqual(Object.fromEntries(plain), Object.fromEntries(readYamlKeys(block, KEYS)))
    }),
    { numRuns }
  )
  t.ok(taken > numRuns / 20, `${taken} of ${numRuns} are plain`)
})

t.test('a heading that is found at a glance is the one that CommonMark finds', async (t) => {
  const line = fc.constantFrom(
    ...[
      [
        '# A',
        '# A ##',
        '# *b* c',
        '# [x]',
        '[x]: /u',
        '```',
        '```js',
        '````',
        '~~~',
        'text',
        '===',
        '---',
        '- item'
      ],
      [
        '  ```',
        '   # i',
        '    # code',
        '> # q',
        '> ```',
        '<div>',
        '</div>',
        '<!-- ',
        '-->',
        '',
        '  ',
        '\t',
        '## B',
        '# '
      ],
      [
        '#',
        '#\tT',
        '* ```',
        '1. x',
        'a ``` b',
        '``` `x`',
        '   ===',
        '# \0x',
        '#\u00a0x',
        '\r',
        '# a & b',
        '# a &amp;',
        'a\u2028# x',
        'a\u2029===',
        '```\u00a0',
        '```\u3000',
        '```\v',
        '```\rpara\r# Real'
      ]
    ].flat()
  )
  let taken = 0
  fc.assert(
    fc.property(fc.array(line, { maxLength: 14 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
      const text = `${lines.join(end)}${end}`
      const found = headingAtOnce(text)
      if (found === undefined) return
      taken++
      const parsed = parseHeading(text.replace(/\r\n?/g, '\n'), Number.POSITIVE_INFINITY)
      deepStrictEqual(foldText(found), foldText(parsed ?? 'none'))
    }),
    { numRuns }
  )
  t.ok(taken > numRuns / 20, `${taken} of ${numRuns} at a glance`)
})

t.test('HTML that is read at a glance says the same to the standard parser', async (t) => {
  await load('html')
  const good = fc.constantFrom(
    ...[
      [
        '<meta charset="utf-8">',
        '<meta name="date" content="2026-01-01">',
        '<META NAME=date CONTENT=2026-02-02>'
      ],
      [
        "<meta name='type' content='a b'/>",
        '<title>T</title>',
        '<TITLE>é &amp; &lt;b&gt;</TITLE>',
        '<style>p{}</style>'
      ],
      [
        '<script>var a="<title>z</title>"</script>',
        '<!-- c -->',
        '<!--[if IE]> <style></style> <![endif]-->',
        '\n',
        ' '
      ],
      ['<link rel="x" href=y/>', '<meta name="a" name="date" content="x" content="2026-04-04">']
    ].flat()
  )
  const any = fc.constantFrom(
    ...[
      [
        '<html>',
        '<head>',
        '</head>',
        '<body>',
        '<body class=x>',
        '</body>',
        '<title></title>',
        '<title>u',
        '</title>'
      ],
      [
        '<style>',
        '</style>',
        '<script><!-- <title>q</title> --></script>',
        '<script>',
        '</script>',
        '<!-->',
        '<!--x--->'
      ],
      [
        'text',
        '<h1>H</h1>',
        '<h1>',
        '<p>',
        '<table>',
        '<frameset>',
        '<noscript>',
        '<template>',
        '</template>',
        '<svg>'
      ],
      [
        '</svg>',
        '<b>',
        '</b>',
        '<!-- a -- b -->',
        '<!-- a',
        '<!-- <!-- -->',
        '<meta name=date/content=2026-01-01>',
        '<meta/name="type"/content="t">',
        '\0',
        '<select>'
      ],
      [
        '<meta name="type" content="a&lt;b">',
        '<title>&copy;</title>',
        '<head/>',
        '<title/>',
        '</scriptx>',
        '<?xml?>',
        '">'
      ]
    ].flat()
  )
  const facts = ({ title, metas, charsets }: HtmlFacts) => ({ title: foldText(title ?? ''), metas, charsets })
  let taken = 0
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(good, { maxLength: 6 }),
      fc.array(any, { maxLength: 3 }),
      fc.array(any, { maxLength: 5 }),
      (isWhole, begin, middle, end) => {
        const text = `${isWhole ? '<!doctype html>\n<html>\n<head>' : ''}${begin.join('\n')}${middle.join('')}<title>Z</title></head><body>${end.join('')}`
        const head = { bytes: Buffer.from(text), cut: false }
        const plain = readPlainHtml(head)
        if (!plain) return
        taken++
        deepStrictEqual(facts(plain), facts(parseHtml(decodeText(head))))
      }
    ),
    { numRuns }
  )
  t.ok(taken > numRuns / 20, `${taken} of ${numRuns} at a glance`)
})

t.test('64 KiB of anything is seen through at a glance, or not, in no time', async (t) => {
  for (const parser of ['yaml', 'markdown', 'html', 'charsets'] as const) await load(parser)
  const of = (piece: string) => piece.repeat(Math.ceil(65_536 / piece.length)).slice(0, 65_536)
  const heads = [
    '<!--',
    '<!-- -- ',
    '<!-- a',
    '<!doctype "',
    '<meta ',
    '<meta a="',
    '<meta a=b ',
    '<title>',
    '&',
    ' ',
    '<'
  ]
  const texts = ['`', '```\n', '# ', '=', '#\n', '# a &', '\u2028# ', ' \t', '\r', '```\r# ', '&', '\n# *']
  const blocks = ['a: [', 'a: [a, ', '- ', 'a: {b: ', 'a:\n ', 'a: >\n ', '"', 'a: "', ' ', '#', 'a b, ']
  for (const piece of heads)
    for (const begin of ['', '<!doctype html><html><head>'])
      readPlainHtml({ bytes: Buffer.from(begin + of(piece)), cut: true })
  for (const piece of texts) for (const begin of ['', '```\n']) headingAtOnce(begin + of(piece))
  for (const piece of blocks) for (const begin of ['', 'k: ']) readPlainBlock(begin + of(piece), KEYS)
  // Some milliseconds each; what is not linear takes minutes, or does not end.
  t.pass('it ended')
})

t.test('a head that is read in parts says the same as one that is read whole', async (t) => {
  for (const parser of ['yaml', 'markdown', 'html', 'charsets'] as const) await load(parser)
  const piece = fc.constantFrom(
    '---\n',
    '---',
    'title: é日本\n',
    '# Ünï\n',
    'date: 2026-06-09\n',
    '\n',
    'x',
    'é',
    '日',
    '\r\n',
    '# ',
    '```\n'
  )
  const pad = fc.integer({ min: 490, max: 520 })
  const far = fc.integer({ min: 4070, max: 4100 })
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }),
      pad,
      fc.array(piece, { maxLength: 8 }),
      far,
      fc.array(piece, { maxLength: 8 }),
      (a, n, b, m, c) => {
        const upTo = (text: string, bytes: number) =>
          text + 'w'.repeat(Math.max(0, bytes - Buffer.byteLength(text)))
        const all = Buffer.from(upTo(upTo(a.join(''), n) + b.join(''), m) + c.join(''))
        const file = { base: 'b', rel: 'a.md', size: all.length, mtimeNs: 0n }
        const whole = () => ({ bytes: all, cut: false })
        const inParts = makeEntry(file, { bytes: all.subarray(0, 4096), cut: false, whole })
        deepStrictEqual(inParts, makeEntry(file, { bytes: Buffer.from(all), cut: false }))
      }
    ),
    { numRuns: 500 }
  )
  t.pass('in 500 tries')
})
