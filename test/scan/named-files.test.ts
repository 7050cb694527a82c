import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Hands, syncHands } from '../../src/scan/hands.js'
import { lookAtPaths } from '../../src/scan/look-at-paths.js'
import { folded, Spellings, variantsOf } from '../../src/scan/spelling.js'
import type { Trackeds } from '../../src/services/tracked.js'
import { noLoopDisks } from '../mount.js'
import { scratch } from '../support.js'
import { entryOf, knownIn, optionsFor, scan, scanner } from './stage.js'

const remote = { mounts: () => [] }
const atOnce = <T>(call: () => Promise<T>) => call()
const fault = (code: string) => Object.assign(new Error(code), { code, syscall: 'open' })

/** Real hands whose calls on some paths fail. */
function badAt(code: string, ...ends: string[]): Hands {
  const guard = <T>(path: string, call: () => T): T => {
    if (ends.some((end) => path.endsWith(end))) throw fault(code)
    return call()
  }
  return {
    names: async (path) => syncHands.names(path),
    stat: async (path) => guard(path, () => syncHands.stat(path)),
    open: async (path, wants, take) => guard(path, () => syncHands.open(path, wants, take))
  }
}

async function lookWith(root: string, hands: Hands, rels: string[], known: Trackeds = new Map()) {
  return await lookAtPaths(rels, { ...optionsFor(root, hands, known) }, atOnce, 4)
}

t.test('one path that cannot be looked at costs itself a warning, and no other path anything', async (t) => {
  const root = fs.realpathSync(
    t.testdir({ good: { 'a.md': '# A', 'new.md': '# New' }, bad: { 'x.md': '# X' } })
  )
  const known = knownIn(await scan(root))
  known.delete('good/new.md')
  const hands = badAt('EIO', '/x.md')
  const look = await lookWith(root, hands, ['good/a.md', 'bad/x.md', 'good/new.md'], known)
  t.strictSame(
    [...look.found].map(([rel, tracked]) => [rel, tracked !== undefined]),
    [
      ['good/a.md', true],
      ['bad/x.md', true],
      ['good/new.md', true]
    ],
    'what is known of it stays'
  )
  t.match(look.warnings, [{ code: 'unreadable', rel: 'bad/x.md', message: /EIO/ }])
  const alone = await lookWith(root, hands, ['bad/x.md'], known)
  t.equal(alone.warnings.length, 1, 'alone, too: the root answers')
})

t.test('a folder on the way that cannot be entered costs its own paths', async (t) => {
  const root = fs.realpathSync(t.testdir({ good: { 'a.md': '# A' }, ['n'.repeat(200)]: {} }))
  const tooLong = `${'n'.repeat(300)}/x.md`
  for (const over of [{}, remote]) {
    const look = await scanner(root, over).look(['good/a.md', tooLong], new Map())
    if (!('found' in look)) throw new Error(look.unavailable)
    t.equal(entryOf(look.found.get('good/a.md'))?.title, 'A')
    t.match(look.warnings, [{ code: 'unreadable', rel: tooLong }])
  }
})

t.test('where the base itself does not answer nothing is said of its files', async (t) => {
  const root = fs.realpathSync(t.testdir({ base: { 'a.md': '# A', 'b.md': '# B' }, file: '' }))
  const base = join(root, 'base')
  const known = knownIn(await scan(base))
  fs.symlinkSync('nowhere', join(root, 'dangling'))
  for (const over of [{}, remote]) {
    const look = (name: string) => scanner(join(root, name), over).look(['a.md'], known)
    t.strictSame(await look('gone'), { unavailable: 'it does not exist (ENOENT)' })
    t.strictSame(await look('file'), { unavailable: 'it is not a folder (ENOTDIR)' })
    t.strictSame(await look('dangling'), { unavailable: 'it does not exist (ENOENT)' })
    t.strictSame(await scanner(join(root, 'dangling'), over).scan(known, false), {
      unavailable: 'it does not exist (ENOENT)'
    })
  }
  fs.rmSync(join(base, 'a.md'))
  for (const over of [{}, remote])
    t.match(await scanner(base, over).look(['a.md'], known), {
      found: new Map([['a.md', undefined]]),
      isEmpty: false,
      path: base
    })
  fs.rmSync(join(base, 'b.md'))
  for (const over of [{}, remote]) {
    t.match(await scanner(base, over).look(['a.md'], known), { isEmpty: true })
    t.match(await scanner(base, over).look(['a.md', 'b.md'], known), { isEmpty: true }, 'all are named')
  }
})

/** A folder that finds names whatever their case: links are laid beside the names, and not listed. */
function ignoringCase(): { hands: Hands; listings: () => number } {
  let listings = 0
  const hands: Hands = {
    stat: (path) => syncHands.stat(fs.realpathSync(path)),
    open: (path, wants, take) => syncHands.open(fs.realpathSync(path), wants, take),
    names(path) {
      listings++
      return syncHands.names(path).filter(({ kind }) => kind !== 'link')
    }
  }
  return { hands, listings: () => listings }
}

t.test(
  'a file that is named in another spelling is looked at by the name that its folder lists',
  async (t) => {
    const root = fs.realpathSync(t.testdir({ audits: { 'new.md': '# New', 'b.md': '# B' } }))
    fs.symlinkSync('new.md', join(root, 'audits/NEW.MD'))
    fs.symlinkSync('b.md', join(root, 'audits/B.MD'))
    const { hands, listings } = ignoringCase()
    const look = await lookWith(root, hands, ['audits/NEW.MD', 'audits/b.md', 'audits/new.md'])
    t.strictSame(
      [...look.found]
        .filter(([, tracked]) => tracked)
        .map(([rel]) => rel)
        .toSorted(),
      ['audits/b.md', 'audits/new.md']
    )
    t.ok(look.found.has('audits/NEW.MD'), 'no report is there by that name')
    t.equal(listings(), 1, 'a folder is listed once')
    const known = new Map(look.found) as Trackeds
    known.delete('audits/NEW.MD')
    const before = listings()
    await lookWith(root, hands, ['audits/b.md', 'audits/new.md'], known)
    t.equal(listings(), before, 'what is known was listed by that name')
  }
)

t.test('a file that got another spelling is listed by that alone', async (t) => {
  const root = fs.realpathSync(t.testdir({ 'Was.md': '# Was', 'was.md.txt': 'x' }))
  const known = knownIn(await scan(root))
  fs.renameSync(join(root, 'Was.md'), join(root, 'was.md'))
  fs.symlinkSync('was.md', join(root, 'WAS.MD'))
  const { hands } = ignoringCase()
  const look = await lookWith(root, hands, ['was.md'], known)
  t.strictSame(
    [...look.found].map(([rel, tracked]) => [rel, tracked !== undefined]),
    [
      ['was.md', true],
      ['Was.md', false]
    ]
  )
})

t.test('where case tells names apart each is itself', async (t) => {
  const root = fs.realpathSync(
    t.testdir({ 'readme.md': '# Small', 'README.md': '# Large', 'other.md': '# O' })
  )
  for (const over of [{}, remote]) {
    const look = await scanner(root, over).look(['README.md', 'readme.md', 'OTHER.md'], new Map())
    if (!('found' in look)) throw new Error(look.unavailable)
    t.equal(entryOf(look.found.get('README.md'))?.title, 'Large')
    t.equal(entryOf(look.found.get('readme.md'))?.title, 'Small')
    t.equal(look.found.get('OTHER.md'), undefined)
  }
})

t.test('spellings are told by case and by the form of accents', async (t) => {
  t.strictSame(variantsOf('New ÄÖ.md').map(folded), ['New ÄÖ.md', 'New ÄÖ.md'].map(folded))
  t.strictSame(variantsOf('2026-06-09'), [])
  t.strictSame(variantsOf('straße'), ['STRAßE'])
  t.equal(folded('A\u0308'), folded('ä'))
  const root = t.testdir({ 'a.md': '' })
  const spellings = new Spellings(syncHands, undefined)
  t.equal(await spellings.spell('', root, 'gone.md'), 'gone.md', 'what is not there is not listed for it')
})

t.test(
  'where /proc is not mounted a named file that is there is found',
  { skip: noLoopDisks() },
  async (t) => {
    const root = scratch(t, { 'base/sub/a.md': '# A', 'empty/': '' })
    fs.symlinkSync('sub', join(root, 'base/link'))
    const code = `
    import { BaseScanner } from ${JSON.stringify(new URL('../../src/scan/base-scanner.js', import.meta.url).href)}
    import { makeSelect } from ${JSON.stringify(new URL('../../src/services/select.js', import.meta.url).href)}
    const scanner = new BaseScanner({
      base: { name: 'b', root: ${JSON.stringify(join(root, 'base'))} },
      select: makeSelect(['**/*.md'], []), manifest: '/nowhere', limit: () => 4, timeoutMs: 5000, now: () => Date.now(),
      mounts: () => process.argv[1] === 'slow' ? [] : [{ point: '/', type: 'ext4', device: '8:1', root: '/', source: '' }]
    })
    const { scan } = await scanner.scan(new Map(), false)
    const { found } = await scanner.look(['sub/a.md', 'link/a.md', 'gone/a.md'], new Map())
    console.log(JSON.stringify([[...scan.read.keys()], [...found].map(([rel, tracked]) => [rel, tracked !== undefined])]))`
    for (const how of ['slow', 'at once']) {
      const told = execFileSync('unshare', [
        '-m',
        'sh',
        '-c',
        'mount --bind "$1" /proc && exec "$2" --input-type=module -e "$3" "$4"',
        'sh',
        join(root, 'empty'),
        process.execPath,
        code,
        how
      ])
      t.strictSame(
        JSON.parse(told.toString()),
        [
          ['sub/a.md'],
          [
            ['sub/a.md', true],
            ['link/a.md', false],
            ['gone/a.md', false]
          ]
        ],
        how
      )
    }
  }
)
