import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { asyncHands, type Hands, type HandsNow, handsNow, syncHands } from '../../src/scan/hands.js'
import { type Name, namesNow, namesSlowly } from '../../src/scan/names.js'
import { noLoopDisks } from '../mount.js'
import { plant, scratch } from '../support.js'
import { failing, knownIn, relsOf, scan, scanner, walkPinned, walkSlowly, walkWith } from './stage.js'

const LATIN = Buffer.from('caf\xe9.md', 'latin1')
const atOnce = <T>(call: () => Promise<T>) => call()
const inFolder = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name])
const sorted = (names: Name[]) => names.toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** A fault of the file system. */
const fault = (code: string) => Object.assign(new Error(code), { code, syscall: 'open' })

t.test('names are told without kinds as they are with kinds, bad names too', async (t) => {
  const root = t.testdir({ 'a.md': '', sub: {}, 'ok \ufffd.md': '' })
  fs.writeFileSync(inFolder(root, LATIN), '')
  fs.symlinkSync('a.md', join(root, 'link'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  const told = sorted(namesNow(root))
  t.match(
    told.map(({ name, kind, invalid }) => `${name} ${kind}${invalid ? '!' : ''}`),
    ['a.md file', 'caf\\xe9.md file!', 'fifo other', 'link link', 'ok \ufffd.md file', 'sub folder']
  )
  t.strictSame(sorted(namesNow(root, { kinds: false })), told)
  t.strictSame(sorted(await namesSlowly(root, atOnce)), told)
  t.strictSame(sorted(await namesSlowly(root, atOnce, { kinds: false })), told)
})

t.test('where Node cannot stat a name that it was told no kind of, that name alone is lost', async (t) => {
  const root = t.testdir({ 'a.md': '', 'b.md': '', 'c.md': '', 'd.md': '' })
  const failed = Object.assign(fault('ENOENT'), { syscall: 'lstat' })
  const { readdirSync, lstatSync } = fs
  t.intercept(fs, 'readdirSync', {
    value: (path: string, options: unknown) => {
      if (typeof options === 'object') throw failed
      return readdirSync(path, 'buffer')
    }
  })
  t.intercept(fs, 'lstatSync', {
    value: (path: Buffer) => {
      if (path.includes('b.md')) {
        if (fs.existsSync(join(root, 'b.md'))) fs.unlinkSync(join(root, 'b.md'))
        throw fault('ENOENT')
      }
      if (path.includes('d.md')) throw fault('ENOENT')
      if (path.includes('c.md')) throw fault('EIO')
      return lstatSync(path)
    }
  })
  const traits = {}
  t.match(sorted(namesNow(root, traits)), [
    { name: 'a.md', kind: 'file' },
    { name: 'c.md', kind: 'unknown', fault: { code: 'EIO' } },
    { name: 'd.md', kind: 'unknown', fault: { code: 'ENOENT' } }
  ])
  t.strictSame(traits, { kinds: false })
  t.throws(() => fs.readdirSync(root, { withFileTypes: true }), { code: 'ENOENT' }, 'as Node does')
})

t.test('a name of unknown kind keeps what is known of it and below it', async (t) => {
  const root = t.testdir({ 'a.md': '# A', sub: { 'b.md': '# B' }, 'new.md': '# New' })
  const before = await scan(root)
  const known = knownIn(before)
  known.delete('new.md')
  const unknown = (names: Name[]): Name[] =>
    names.map(({ name }) => ({ name, kind: 'unknown', fault: fault('EACCES') }))
  const found = await walkWith({ ...syncHands, names: (path) => unknown(syncHands.names(path)) }, root, known)
  t.strictSame(relsOf(found), ['a.md'])
  t.strictSame(found.unreadable.toSorted(), ['a.md', 'new.md', 'sub'])
  t.match(found.warnings, [{ code: 'unreadable' }, { code: 'unreadable' }, { code: 'unreadable' }])
})

t.test('a listing that names a file twice makes one report of it', async (t) => {
  const root = t.testdir({ 'a.md': '# A', sub: { 'b.md': '# B' } })
  fs.writeFileSync(inFolder(root, LATIN), '')
  const twice: HandsNow = { ...syncHands, names: (path) => syncHands.names(path).flatMap((n) => [n, n]) }
  const first = await walkWith(twice, root)
  t.strictSame(relsOf(first), ['a.md', 'sub/b.md'])
  t.equal(first.filesRead, 2)
  t.equal(first.warnings.length, 1)
  for (const walked of [
    await walkWith(twice, root, knownIn(first)),
    await walkSlowly(twice, root, knownIn(first))
  ])
    t.strictSame(walked.same.map(({ rel }) => rel).toSorted(), ['a.md', 'sub/b.md'], 'as it was, each once')
})

/** A folder on a small ext4 that tells no kinds. */
function kindless(t: Test): string {
  const folder = scratch(t, { 'm/': '' })
  const [image, point] = [join(folder, 'image'), join(folder, 'm')]
  execFileSync('truncate', ['-s', '16M', image])
  execFileSync('mkfs.ext4', ['-q', '-O', '^filetype', image])
  execFileSync('mount', ['-o', 'loop', image, point])
  t.teardown(() => execFileSync('umount', ['-l', point]))
  fs.mkdirSync(join(point, 'base'))
  return join(point, 'base')
}

t.test('a disk that tells no kinds loses nothing for a bad name', { skip: noLoopDisks() }, async (t) => {
  const root = kindless(t)
  plant(root, { 'good/1.md': '# 1', 'team/2.md': '# 2', 'team/sub/3.md': '# 3' })
  fs.writeFileSync(inFolder(join(root, 'team'), LATIN), '')
  t.throws(() => fs.readdirSync(join(root, 'team'), { withFileTypes: true }), { code: 'ENOENT' })
  for (const mounts of [undefined, () => []]) {
    const found = await scan(root, mounts && { mounts })
    t.strictSame(relsOf(found), ['good/1.md', 'team/2.md', 'team/sub/3.md'])
    t.match(found.warnings, [{ code: 'invalid-name', rel: 'team/caf\\xe9.md' }])
  }
})

/** A folder for deep trees, which Node's own way of removing them does not come to the end of. */
function deepScratch(t: Test, files: Record<string, string> = {}): string {
  const root = scratch(t, files)
  t.teardown(() => execFileSync('rm', ['-rf', root]))
  return root
}

/** Plants reports in nested folders. */
function plantDeep(root: string, name: string, depth: number, every: number): string[] {
  const rels: string[] = []
  const before = process.cwd()
  process.chdir(root)
  for (let level = 1; level <= depth; level++) {
    fs.mkdirSync(name)
    process.chdir(name)
    if (level % every > 0) continue
    fs.writeFileSync('r.md', `# ${level}`)
    rels.push(`${`${name}/`.repeat(level)}r.md`)
  }
  process.chdir(before)
  return rels.toSorted()
}

t.test('no depth and no length of a path ends a walk', async (t) => {
  const open = fs.readdirSync('/proc/self/fd').length
  for (const [name, depth] of [
    ['d', 2000],
    ['x'.repeat(250), 40]
  ] as const) {
    const root = deepScratch(t)
    const rels = plantDeep(root, name, depth, depth / 10)
    t.strictSame(relsOf(await scan(root)), rels, 'at once')
    const slowly = await scan(root, { mounts: () => [] })
    t.strictSame(relsOf(slowly), rels, 'side by side')
    t.strictSame([...slowly.warnings], [])
    const look = await scanner(root).look([rels.at(-1) as string], new Map())
    t.ok('found' in look && look.found.get(rels.at(-1) as string), 'by name')
    t.equal(await scanner(root).findEscape([rels.at(-1) as string]), undefined)
  }
  t.equal(fs.readdirSync('/proc/self/fd').length, open, 'nothing stays open')
})

t.test('where folders cannot be held, those whose paths are too long are told', async (t) => {
  const root = deepScratch(t)
  plantDeep(root, 'x'.repeat(250), 20, 1)
  const found = await walkWith(syncHands, root)
  t.ok(found.read.size >= 14 && found.read.size < 20, `${found.read.size} reports`)
  t.equal(found.unreadable.length, 1)
  t.match(found.warnings, [{ code: 'unreadable', message: 'its path is too long (ENAMETOOLONG)' }])
})

t.test('a deep folder that is moved under a walk leads nowhere else', async (t) => {
  const root = deepScratch(t, { 'out/secret.md': '# Secret' })
  const base = join(root, 'base')
  plant(base, {})
  fs.mkdirSync(base)
  plantDeep(base, 'd', 80, 80)
  plant(join(base, 'd/d'), { 'z/late.md': '# Late' })
  let isMoved = false
  const moving: HandsNow = {
    ...syncHands,
    names(path) {
      const names = syncHands.names(path)
      if (!isMoved && names.some(({ name }) => name === 'r.md')) {
        isMoved = true
        // The way back up from there leads past another folder now.
        fs.renameSync(join(base, 'd/d/d'), join(root, 'out/d'))
      }
      return names.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    }
  }
  const found = await walkPinned(moving, base)
  t.notOk(relsOf(found).some((rel) => rel.includes('secret')))
  t.match(found.warnings, [{ code: 'unreadable', rel: 'd/d/z', message: /it was moved/ }])
})

t.test('whatever the scan of a base throws costs that base alone, and is told', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const warned: string[] = []
  const broken: HandsNow = {
    ...syncHands,
    names() {
      throw new RangeError('a defect')
    }
  }
  const look = await scanner(root, {
    handsNow: broken,
    warn: (message) => void warned.push(message)
  }).scan(new Map(), false)
  t.strictSame(look, { unavailable: 'its scan failed (RangeError); the log says more' })
  t.match(warned, [/^the scan of the base b failed: RangeError: a defect/])
})

/** Hands for walks side by side, from those that answer at once. */
const slow = (hands: HandsNow): Hands => ({
  names: async (folder) => hands.names(folder),
  stat: async (path) => hands.stat(path),
  open: async (path, wants, take) => hands.open(path, wants, take)
})

t.test('what cannot be opened, and is there by its stat, is not gone', async (t) => {
  const root = t.testdir({ 'a.md': '# A', sub: { 'b.md': '# B', 'new.md': '# New' } })
  const known = knownIn(await scan(root))
  known.delete('sub/new.md')
  for (const tracked of known.values()) tracked.recheck = true
  for (const code of ['ENOENT', 'ELOOP', 'ESTALE']) {
    const hands = failing(code, 'a.md', 'b.md', 'new.md')
    for (const found of [
      await walkWith({ ...hands, names: syncHands.names }, root, known),
      await walkSlowly(slow({ ...hands, names: syncHands.names }), root, known)
    ]) {
      t.strictSame(relsOf(found), ['a.md', 'sub/b.md', 'sub/new.md'], code)
      t.equal(found.warnings.filter((warning) => warning.code === 'unreadable').length, 3)
    }
  }
})

t.test('a file that was put there anew between a stat and an open is read', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  let failed = 0
  const hands: HandsNow = {
    ...syncHands,
    open(path, wants, take) {
      if (failed++ === 0) throw fault('ENOENT')
      return syncHands.open(path, wants, take)
    }
  }
  t.equal((await walkWith(hands, root)).filesRead, 1)
  failed = 0
  t.equal((await walkSlowly(slow(hands), root)).filesRead, 1)
})

t.test('a mount that lists a name whose stat finds nothing keeps what is known there', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B', sub: { 'c.md': '# C' }, 'gone.md': '# Gone' })
  const known = knownIn(await scan(root))
  const hides = (path: string) => ['/a.md', '/sub'].some((end) => path.endsWith(end))
  const hide = <T>(path: string, call: () => T): T => {
    if (hides(path)) throw fault('ENOENT')
    return call()
  }
  let listings = 0
  const hands: HandsNow = {
    stat: (path) => hide(path, () => syncHands.stat(path)),
    open: (path, wants, take) => hide(path, () => syncHands.open(path, wants, take)),
    names(path) {
      const names = hide(path, () => syncHands.names(path))
      // Removed behind the first listing.
      if (listings++ === 0) fs.rmSync(join(root, 'gone.md'))
      return names
    }
  }
  const found = await walkSlowly(slow(hands), root, known)
  t.strictSame(relsOf(found), ['a.md', 'b.md'])
  t.strictSame(found.unreadable.toSorted(), ['a.md', 'sub'], 'and what has really gone is gone')
})

t.test('a file that another program holds for a moment is asked for again', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B', sub: { 'c.md': '# C' } })
  let refused = 0
  const held: HandsNow = {
    ...syncHands,
    open(path, wants, take) {
      if (path.endsWith('b.md') && refused++ < 3) throw fault('EAGAIN')
      return syncHands.open(path, wants, take)
    }
  }
  for (const walked of [() => walkWith(held, root), () => walkSlowly(slow(held), root)]) {
    refused = 0
    const found = await walked()
    t.equal(found.filesRead, 3)
    t.strictSame(found.warnings, [])
  }
})

t.test('a file that is held for long has an entry from its stat, and a warning', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B' })
  const hands = { ...failing('EAGAIN', 'a.md', 'b.md'), names: syncHands.names }
  const began = performance.now()
  for (const found of [await walkWith(hands, root), await walkSlowly(slow(hands), root)]) {
    t.strictSame(relsOf(found), ['a.md', 'b.md'])
    t.match(found.warnings, [{ message: 'another program holds it (EAGAIN)' }, {}])
  }
  t.ok(performance.now() - began < 8000, 'both are waited for at once')
})

t.test('many places that cannot be read are told in few warnings', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const names: Name[] = Array.from({ length: 20_000 }, (_, i) => ({ name: `team-${i}`, kind: 'folder' }))
  const hands: HandsNow = {
    ...syncHands,
    names(path) {
      if (path === root) return [...names, { name: 'a.md', kind: 'file' }]
      throw fault('EACCES')
    }
  }
  let turns = 0
  const turning = setInterval(() => turns++, 1)
  const found = await walkWith(hands, root)
  clearInterval(turning)
  t.equal(found.unreadable.length, 20_000)
  t.equal(found.warnings.length, 1001)
  t.match(found.warnings.at(-1), { rel: '', message: '19000 more files and folders cannot be read' })
  t.ok(turns > 0, 'others have their turns')
})

t.test('what is asked of a base goes through its gate, kinds too', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B' })
  let calls = 0
  const hands = asyncHands(
    (call) => {
      calls++
      return call()
    },
    { kinds: false }
  )
  t.equal((await hands.names(root)).length, 2)
  t.equal(calls, 3)
  t.equal(handsNow({ kinds: false }).names(root).length, 2)
})
