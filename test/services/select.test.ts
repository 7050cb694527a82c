import t from 'tap'
import { isBalanced, makeSelect, selects, splitGlobs } from '../../src/services/select.js'

const DEFAULTS = ['**/*.{md,markdown,html,htm,txt,pdf}']

function taken(include: string[], exclude: string[], rels: string[]): string[] {
  const select = makeSelect(include, exclude)
  return rels.filter((rel) => selects(select, rel))
}

t.test('the default takes reports by extension, in any case, at any depth', async (t) => {
  const yes = ['a.md', 'A.MD', 'b/c.Markdown', 'b/c/d.html', 'e.htm', 'f.txt', 'g.pdf', 'x\ny.md']
  const lines = ['c\nd/e.md', '\n.md', 'f\r/g.md', 'i\u2028/k.md', '\u2029/x.md']
  t.strictSame(taken(DEFAULTS, [], lines), lines, 'line ends in names are characters like any other')
  const no = [
    'a.json',
    'a',
    'md',
    'a.md.bak',
    '.a.md',
    '.git/a.md',
    'b/.c/d.md',
    '_state/a.md',
    'x/node_modules/a.md'
  ]
  t.strictSame(taken(DEFAULTS, [], [...yes, ...no]), yes)
})

t.test('temporary names are never reports, whatever is included', async (t) => {
  const no = ['a.md~', 'a.tmp', 'a.partial', 'b/.a.md.swp', 'a.swp', 'A.TMP']
  t.strictSame(taken(['**/*'], [], ['a.tmp.md', ...no]), ['a.tmp.md'])
})

t.test('a glob without a slash matches at any depth, one with a slash the whole path', async (t) => {
  t.strictSame(taken(['*.log'], [], ['a.log', 'b/c.log', 'a.md']), ['a.log', 'b/c.log'])
  t.strictSame(taken(['b/*.log'], [], ['a.log', 'b/c.log', 'b/d/e.log', 'x/b/c.log']), ['b/c.log'])
  t.strictSame(taken(['/*.log', './b/*.md'], [], ['a.log', 'b/c.log', 'b/c.md']), ['a.log', 'b/c.md'])
  t.strictSame(taken(['reports/**'], [], ['reports/a.x', 'reports']), ['reports/a.x'])
})

t.test('an exclude that matches a folder takes away all below it', async (t) => {
  const rels = ['drafts/a.md', 'b/Drafts/c/d.md', 'b/drafts.md', 'e.md']
  t.strictSame(taken(DEFAULTS, ['drafts'], rels), ['b/drafts.md', 'e.md'])
  t.strictSame(taken(DEFAULTS, ['drafts/'], rels), ['b/drafts.md', 'e.md'])
  t.strictSame(taken(DEFAULTS, ['drafts/**'], rels), ['b/Drafts/c/d.md', 'b/drafts.md', 'e.md'])
  t.strictSame(taken(DEFAULTS, ['**/drafts/**', 'E.*'], rels), ['b/drafts.md'])
  t.strictSame(taken(DEFAULTS, ['!e.md'], ['e.md', '!e.md']), ['e.md'])
})

t.test('a folder whose content is excluded is not even walked', async (t) => {
  const select = makeSelect(DEFAULTS, ['archive/**', 'old'])
  t.notOk(select.folder('archive'))
  t.notOk(select.folder('x/old'))
  t.ok(select.folder('x'))
})

t.test('brackets that are not closed are told from those that are', async (t) => {
  for (const glob of ['*.{md,txt}', '[ab].md', '+(a|b)', 'a\\{']) t.ok(isBalanced(glob), glob)
  for (const glob of ['{a', '[', '(', '*.md)', '{a]}', 'a}']) t.notOk(isBalanced(glob), glob)
})

t.test('commas within braces do not separate globs', async (t) => {
  t.strictSame(splitGlobs('a,b'), ['a', 'b'])
  t.strictSame(splitGlobs(' *.{md,txt} , c/{d,{e,f}}.md,,'), ['*.{md,txt}', 'c/{d,{e,f}}.md'])
  t.strictSame(splitGlobs('a\\,b,c'), ['a\\,b', 'c'])
  t.strictSame(splitGlobs('}a,b'), ['}a', 'b'])
  t.strictSame(splitGlobs(' , '), [])
})
