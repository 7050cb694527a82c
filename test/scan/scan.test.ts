import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { atFile } from '../../src/scan/file-below.js'
import { Gate, Silence } from '../../src/scan/gate.js'
import { asyncHands, type HandsNow, syncHands } from '../../src/scan/hands.js'
import { isLocal, type Mount, mountOf, parseMounts } from '../../src/scan/mounts.js'
import { showBytes } from '../../src/scan/names.js'
import { findOverlaps } from '../../src/scan/overlap.js'
import { pinNow } from '../../src/scan/pin.js'
import { basePlaceOf, placeAt } from '../../src/scan/place.js'
import { realPathWithin } from '../../src/scan/real-path.js'
import { trustIn } from '../../src/scan/trust.js'
import { walkNow } from '../../src/scan/walk-now.js'
import type { Scan } from '../../src/services/scan-result.js'
import { makeSelect } from '../../src/services/select.js'
import { plant } from '../support.js'
import { entryIn, entryOf, failing, INCLUDE, knownIn, relsOf, scan, scanner, walkWith } from './stage.js'

t.test('regular files are found; links, FIFOs and sockets are neither followed nor opened', async (t) => {
  // A socket's path has to be short.
  const root = fs.mkdtempSync(join(tmpdir(), 'reports-index-'))
  t.teardown(() => fs.rmSync(root, { recursive: true }))
  plant(root, { 'a.md': '# A', 'deep/er/b.md': '# B' })
  fs.symlinkSync(join(root, 'a.md'), join(root, 'link.md'))
  fs.symlinkSync(root, join(root, 'deep/loop'))
  fs.symlinkSync('nowhere', join(root, 'dangling.md'))
  execFileSync('mkfifo', [join(root, 'fifo.md')])
  const server = createServer().listen(join(root, 'socket.md'))
  await once(server, 'listening')
  t.teardown(() => server.close())
  fs.mkdirSync(join(root, 'folder.md'))
  const found = await scan(root)
  t.strictSame(relsOf(found), ['a.md', 'deep/er/b.md'])
  t.equal(found.skippedLinks, 3)
  t.strictSame(found.warnings, [])
})

t.test('a base may itself be a link', async (t) => {
  const root = t.testdir({ real: { 'a.md': '# A' } })
  fs.symlinkSync('real', join(root, 'link'))
  t.strictSame(relsOf(await scan(join(root, 'link'))), ['a.md'])
})

t.test('a name that is not UTF-8 is left out with one warning, a folder with all below it', async (t) => {
  const root = t.testdir({ 'ok \ufffd.md': '# fine' })
  const bad = (...parts: (string | number)[]) =>
    Buffer.concat([
      Buffer.from(`${root}/`),
      ...parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)))
    ])
  fs.writeFileSync(bad('caf', 0xe9, '.md'), '# x')
  fs.writeFileSync(bad('caf', 0xe9, '.bin'), 'not a report')
  fs.mkdirSync(bad('dir', 0xff))
  fs.writeFileSync(bad('dir', 0xff, '/x.md'), '# x')
  fs.mkdirSync(bad('.hidden', 0xff))
  const found = await scan(root)
  t.strictSame(relsOf(found), ['ok \ufffd.md'])
  t.strictSame(found.warnings.map(({ code, rel }) => `${code} ${rel}`).toSorted(), [
    'invalid-name caf\\xe9.md',
    'invalid-name dir\\xff'
  ])
  t.equal(showBytes(Buffer.from([0x61, 0xe2, 0x82, 0x20, 0xf0, 0x9f, 0x98, 0x80])), 'a\\xe2\\x82 😀')
})

t.test('the manifest, its companion and their leftovers are never reports, wherever they lie', async (t) => {
  const root = t.testdir({
    x: { 'm.txt': '{}', 'm.txt.status.json': '{}', 'm.txt.123': '', 'm.txt.md': '', 'm.txt.1a': '' }
  })
  const found = await scan(root, { include: ['**/*'], manifest: join(root, 'x/m.txt') })
  t.strictSame(relsOf(found), ['x/m.txt.1a', 'x/m.txt.md'])
})

t.test(
  'an unreadable file has an entry from its name and stat, and a warning; it is tried again',
  async (t) => {
    const root = t.testdir({ '2026-06-09-x.md': '# Title', 'b.md': '# B' })
    const found = await walkWith(failing('EACCES', '2026-06-09-x.md'), root)
    t.match(entryIn(found, '2026-06-09-x.md'), { title: 'X', date: '2026-06-09', size: 7 })
    t.match(found.warnings, [
      { code: 'unreadable', rel: '2026-06-09-x.md', message: 'permission is denied (EACCES)' }
    ])
    t.equal(entryIn(await walkWith(syncHands, root, knownIn(found)), '2026-06-09-x.md')?.title, 'Title')
  }
)

t.test('a known file that can not be read keeps its last entry', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const first = await walkWith(syncHands, root)
  fs.writeFileSync(join(root, 'a.md'), '# Another')
  const second = await walkWith(failing('EIO', 'a.md'), root, knownIn(first))
  t.equal(entryIn(second, 'a.md')?.title, 'A')
  t.match(second.warnings, [{ code: 'unreadable', rel: 'a.md' }])
  t.equal(entryIn(await walkWith(syncHands, root, knownIn(second)), 'a.md')?.title, 'Another')
})

t.test('a folder that can not be listed is told, and is not taken for empty', async (t) => {
  const root = t.testdir({ x: { 'a.md': '# A' }, 'b.md': '# B' })
  const found = await walkWith(failing('EACCES', 'x'), root)
  t.strictSame(relsOf(found), ['b.md'])
  t.strictSame(found.unreadable, ['x'])
  t.match(found.warnings, [{ code: 'unreadable', rel: 'x' }])
  await t.rejects(
    walkWith(failing('ENOTCONN', 'nowhere'), join(root, 'nowhere')),
    { code: 'ENOTCONN' },
    'but for the base itself'
  )
})

t.test('what is not an error of the file system is not taken for one', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const broken: HandsNow = {
    ...syncHands,
    open: () => {
      throw new TypeError('a defect')
    }
  }
  await t.rejects(walkWith(broken, root), TypeError)
})

t.test('an unchanged file is not opened again; a changed one is, however it hides', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B', 'c.md': '# C' })
  const first = await scan(root)
  t.equal(first.filesRead, 3)
  const second = await scan(root, {}, knownIn(first))
  t.equal(second.filesRead, 0)
  t.equal(knownIn(second).get('a.md'), knownIn(first).get('a.md'))

  const { atime, mtime } = fs.statSync(join(root, 'b.md'))
  fs.writeFileSync(join(root, 'b.md'), '# X')
  fs.utimesSync(join(root, 'b.md'), atime, mtime)
  fs.writeFileSync(join(root, 'new.md'), '# A')
  fs.renameSync(join(root, 'new.md'), join(root, 'a.md'))
  fs.rmSync(join(root, 'c.md'))
  const third = await scan(root, {}, knownIn(second))
  t.equal(third.filesRead, 2)
  t.equal(entryIn(third, 'b.md')?.title, 'X', 'same size, same mtime')
  t.strictSame(relsOf(third), ['a.md', 'b.md'])

  t.equal((await scan(root, {}, knownIn(third), true)).filesRead, 2, 'a full scan reads all')
})

t.test('a file that was touched too shortly before the scan is read again', async (t) => {
  const root = t.testdir({ 'a.md': '# A' })
  const first = await scan(root, { at: Date.now() })
  t.ok(knownIn(first).get('a.md')?.recheck)
  const second = await scan(root, {}, knownIn(first))
  t.equal(second.filesRead, 1)
  t.notOk(knownIn(second).get('a.md')?.recheck)
  t.equal((await scan(root, {}, knownIn(second))).filesRead, 0)
})

t.test('what a stat is worth depends on its file system', async (t) => {
  const stat = { isFile: true, size: 1, mtimeNs: 1_000_000_000_000n, ctimeNs: 1_200_000_000_000n, ino: 7n }
  const all = { size: 1, mtime: 1_000_000_000_000, ctime: 1_200_000_000_000, ino: 7 }
  t.strictSame(trustIn('ext4', true, 0).stamp(stat), all)
  t.strictSame(trustIn('nfs4', false, 0).stamp(stat), { ...all, ino: 0 })
  t.strictSame(trustIn('fuse.rclone', false, 0).stamp(stat), { ...all, ctime: 0, ino: 0 })
  const fresh = (type: string, local: boolean, at: number) => trustIn(type, local, at).isFresh(stat)
  t.ok(fresh('ext4', true, 1_202_000))
  t.notOk(fresh('ext4', true, 1_202_001))
  t.ok(fresh('fuse', false, 1_120_000))
  t.notOk(fresh('fuse', false, 1_120_001))
})

t.test('a warning stays as long as its file does', async (t) => {
  const root = t.testdir({ 'a.md': '---\ntitle: a: b\n---\n# A' })
  const first = await scan(root)
  t.match(first.warnings, [{ code: 'front-matter', rel: 'a.md', line: 2 }])
  t.strictSame((await scan(root, {}, knownIn(first))).warnings, first.warnings)
})

t.test('a base that can not be listed is unavailable, with the reason and without its path', async (t) => {
  const root = t.testdir({ file: 'x' })
  t.strictSame(await scanner(join(root, 'gone')).scan(new Map(), false), {
    unavailable: 'it does not exist (ENOENT)'
  })
  t.strictSame(await scanner(join(root, 'file')).scan(new Map(), false), {
    unavailable: 'it is not a folder (ENOTDIR)'
  })
})

t.test('single files are looked at without the rest', async (t) => {
  const root = t.testdir({
    'a.md': '# A',
    'b.md': '# B',
    'c.bin': '',
    sub: { 'd.md': '# D' },
    _state: { 'x.md': '' }
  })
  fs.symlinkSync('sub', join(root, 'link'))
  fs.symlinkSync('a.md', join(root, 'link.md'))
  const look = await scanner(root).look(
    ['a.md', 'gone.md', 'c.bin', 'sub', 'sub/d.md', 'link/d.md', 'link.md', '_state/x.md', 'a.md/x.md'],
    new Map()
  )
  if (!('found' in look)) throw new Error(look.unavailable)
  t.strictSame(
    [...look.found].filter(([, tracked]) => tracked).map(([rel, tracked]) => [rel, entryOf(tracked)?.title]),
    [
      ['a.md', 'A'],
      ['sub/d.md', 'D']
    ]
  )
  t.equal(look.found.size, 9)
})

t.test('a path that leaves the base through a link is told', async (t) => {
  const root = t.testdir({ base: { sub: {} }, other: { 'x.md': '' } })
  const base = join(root, 'base')
  fs.symlinkSync('../other', join(base, 'out'))
  fs.symlinkSync('../other/x.md', join(base, 'x.md'))
  fs.symlinkSync('../nowhere.md', join(base, 'dangling.md'))
  fs.symlinkSync('sub', join(base, 'in'))
  const escape = (rel: string) => scanner(base).findEscape([rel])
  for (const rel of ['out/x.md', 'x.md', 'dangling.md', 'out/new.md']) t.equal(await escape(rel), rel)
  for (const rel of ['in/x.md', 'sub/x.md', 'new.md', 'a/b/c.md']) t.equal(await escape(rel), undefined, rel)
})

t.test('bases that overlap are told, through links too', async (t) => {
  const root = t.testdir({ a: { b: {} }, c: {} })
  fs.symlinkSync('a', join(root, 'link'))
  const overlaps = (...paths: string[]) =>
    Object.fromEntries(findOverlaps(paths.map((path, i) => ({ name: `n${i}`, root: join(root, path) }))))
  t.strictSame(overlaps('a', 'c'), {})
  t.strictSame(overlaps('a', 'a/b'), { n1: 'n0' })
  t.strictSame(overlaps('a/b', 'a'), { n1: 'n0' })
  t.strictSame(overlaps('a', 'link'), { n1: 'n0' })
  t.strictSame(overlaps('link/b', 'c', 'a'), { n2: 'n0' })
  t.strictSame(overlaps('gone', 'gone/x'), { n1: 'n0' })
  t.strictSame(overlaps('a', 'ab'), {})
})

t.test('the same folder mounted at two places overlaps', async (t) => {
  const mounts = parseMounts(
    '1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:1 /data/x /mnt/x rw - ext4 /dev/a rw\n3 1 8:1 /data/y /out/y rw - ext4 /dev/a rw\n' +
      '4 1 8:2 / /disk rw - ext4 /dev/b rw\n'
  )
  const overlaps = (...roots: string[]) =>
    findOverlaps(
      roots.map((root, i) => ({ name: `n${i}`, root })),
      mounts
    ).size
  t.equal(overlaps('/data/x', '/mnt/x'), 1)
  t.equal(overlaps('/data', '/mnt/x/deep'), 1)
  t.equal(overlaps('/out', '/data/y'), 1, 'below a base, too')
  t.equal(overlaps('/data/y/z', '/out'), 1)
  t.equal(overlaps('/data/z', '/mnt/x', '/out', '/disk/data/x'), 0)
})

t.test('mounts are told from the kernel, links are resolved on local disks alone', async (t) => {
  const mounts = parseMounts(
    '1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / /mnt/my\\040drive rw shared:1 - fuse.rclone x rw\n3 2 8:2 / /mnt/my\\040drive/in rw - xfs /dev/b rw\n'
  )
  t.equal(mountOf('/home', mounts)?.type, 'ext4')
  t.equal(mountOf('/mnt/my drive', mounts)?.type, 'fuse.rclone')
  t.equal(mountOf('/mnt/my drives', mounts)?.type, 'ext4')
  t.equal(mountOf('/mnt/my drive/in/x', mounts)?.type, 'xfs')
  t.notOk(isLocal('/mnt/my drive/x', mounts))
  t.notOk(isLocal('/anywhere', []), 'where the system does not tell, all may hang')
  const root = t.testdir({ real: {} })
  fs.symlinkSync('real', join(root, 'link'))
  fs.symlinkSync('loop', join(root, 'loop'))
  t.equal(realPathWithin(join(root, 'link/x')), join(fs.realpathSync(root), 'real/x'))
  t.equal(realPathWithin(join(root, 'link'), []), join(root, 'link'))
  t.ok(realPathWithin(join(root, 'loop')))
})

t.test('a folder is told from others by its file system and its path there', async (t) => {
  const base = '/srv/base'
  const mount = (point: string, type: string, device: string, source = 'x', root = '/') => ({
    point,
    type,
    device,
    root,
    source
  })
  const select = makeSelect(INCLUDE, [])
  const at = (mounts: Mount[], path = base) => basePlaceOf(placeAt(path, mounts), mounts, select)
  const disk = mount('/', 'ext4', '8:1')
  const far = mount(`${base}/far`, 'fuse.rclone', '0:41', 'gdrive:')
  const whole = at([
    disk,
    mount(`${base}/deep/x`, 'fuse.old', '0:40'),
    mount(`${base}/deep`, 'xfs', '8:2'),
    far,
    mount(`${base}/.hidden`, 'nfs4', '0:43')
  ])
  t.equal(whole.path, base)
  t.strictSame(
    whole.mounts,
    ['deep', 'far'],
    'neither what is hidden by another mount nor what is never walked'
  )
  t.equal(
    at([disk, { ...far, device: '0:99' }]).idOf('far'),
    whole.idOf('far'),
    'a remote that is mounted anew'
  )
  const elsewhere = mount('/reports', 'ext4', '8:1', 'x', base)
  t.equal(
    at([mount('/', 'overlay', '0:9'), elsewhere], '/reports').id,
    whole.id,
    'the same folder in a container'
  )
  t.equal(at([disk, mount(base, 'ext4', '8:1', 'x', base)]).id, whole.id, 'or bound onto itself')
  const others: Record<string, Mount[]> = {
    'another remote': [disk, { ...far, source: 'dropbox:' }],
    'no mount': [disk],
    'a mount over it': [disk, far, mount(`${base}/far`, 'tmpfs', '0:50', 'tmpfs')],
    'another folder bound over it': [disk, far, mount(`${base}/far`, 'ext4', '8:1', 'x', '/empty')]
  }
  for (const [what, mounts] of Object.entries(others)) t.not(at(mounts).idOf('far'), whole.idOf('far'), what)
  t.not(at([{ ...disk, device: '8:17' }]).id, whole.id, 'another disk')
  t.ok(at([disk, mount(base, 'autofs', '0:5')]).isAutomount)
  t.match(at([]), { id: undefined, mounts: [] }, 'where the system does not tell')
})

t.test(
  'a scan tells the folder that it walked where only its own file system can resolve its links',
  async (t) => {
    const root = fs.realpathSync(t.testdir({ base: { 'a.md': '' } }))
    fs.symlinkSync('base', join(root, 'link'))
    t.equal((await scan(join(root, 'link'), { mounts: () => [] })).path, join(root, 'base'))
    t.equal((await scan(join(root, 'link'))).path, undefined)
  }
)

t.test('a scan under which a mount went away tells nothing of what is gone', async (t) => {
  const root = fs.realpathSync(t.testdir({ 'a.md': '# A', far: {} }))
  const disk = { point: '/', type: 'ext4', device: '8:1', root: '/', source: '' }
  const far = { point: join(root, 'far'), type: 'fuse.x', device: '0:41', root: '/', source: '' }
  const own = { point: root, type: 'fuse.x', device: '0:42', root: '/', source: '' }
  for (const [before, after] of [
    [[disk, far], [disk]],
    [[disk, own], [disk]],
    [
      [disk, far],
      [disk, { ...far, device: '0:43' }]
    ]
  ] as const) {
    let isGone = false
    const mounts = () => (isGone ? [...after] : [...before])
    const over = {
      mounts,
      select: {
        file: () => true,
        folder: () => {
          isGone = true
          return true
        }
      }
    }
    const look = await scanner(root, over).scan(new Map(), false)
    t.match(look, { unavailable: 'a mount of it went away while it was scanned (RI_ERR_UNMOUNTED)' })
  }
  const came = { mounts: () => [disk] }
  t.match(await scanner(root, came).scan(new Map(), false), { scan: { unreadable: [] } })
})

t.test('a base that gives no answer is left alone until it has answered', async (t) => {
  const gate = new Gate(100)
  const answers: (() => void)[] = []
  const hangs = () => new Promise<void>((resolve) => answers.push(resolve))
  await t.rejects(
    gate.watch(2, async (calls) => await Promise.all([calls(hangs), calls(hangs), calls(hangs)])),
    new Silence()
  )
  t.equal(answers.length, 2, 'what waited for its turn is not asked any more')
  t.type(gate.silentSince, 'number')
  await t.rejects(
    gate.watch(2, async (calls) => await calls(async () => 1)),
    new Silence()
  )
  for (const answer of answers) answer()
  await new Promise(setImmediate)
  t.equal(gate.silentSince, undefined)
  t.equal(await gate.watch(2, async (calls) => await calls(async () => 1)), 1)
})

t.test('who asks a silent base meanwhile does not put its time limit off', async (t) => {
  const gate = new Gate(300)
  const began = performance.now()
  const hangs = () => new Promise<void>(() => {})
  const first = gate.watch(2, async (calls) => await calls(hangs))
  first.catch(() => {})
  const asking = setInterval(
    () => void gate.watch(2, async (calls) => await calls(hangs)).catch(() => {}),
    50
  )
  await t.rejects(first, new Silence())
  clearInterval(asking)
  t.ok(performance.now() - began < 2000)
})

t.test('a folder that is exchanged for a link while a file is looked at leads nowhere', async (t) => {
  const folder = fs.realpathSync(
    t.testdir({ base: { x: { 'a.md': '# Mine' } }, other: { 'a.md': '# Secret' } })
  )
  const base = join(folder, 'base')
  const read = async (path: string) => {
    fs.renameSync(join(base, 'x'), join(base, 'was'))
    fs.symlinkSync(join(folder, 'other'), join(base, 'x'))
    return fs.readFileSync(path, 'utf8')
  }
  t.equal(await atFile('x/a.md', base, undefined, read), '# Mine', 'what is held stays')
  const path = async (found: string) => found
  for (const calls of [undefined, <T>(call: () => Promise<T>) => call()]) {
    t.equal(await atFile('x/a.md', base, calls, path), undefined, 'a link is no folder')
    t.equal(await atFile('gone/a.md', base, calls, path), undefined)
    t.equal(await atFile('was/a.md/b.md', base, calls, path), undefined)
    t.match(await atFile('was/a.md', base, calls, path), /a\.md$/)
  }
  t.match(await scanner(base).look(['x/a.md'], new Map()), { found: new Map([['x/a.md', undefined]]) })
})

t.test('looking at many files by name holds few folders open', async (t) => {
  const root = t.testdir({})
  const rels = Array.from({ length: 300 }, (_, i) => `${i}/x.md`)
  plant(root, Object.fromEntries(rels.map((rel) => [rel, '# X'])))
  const openBefore = fs.readdirSync('/proc/self/fd').length
  for (const type of ['ext4', 'fuse.rclone']) {
    const mounts = () => [{ point: '/', type, device: '0:1', root: '/', source: '' }]
    const found = await scanner(root, { mounts }).look(rels, new Map())
    t.ok(
      'found' in found && [...found.found.values()].every((tracked) => entryOf(tracked)?.title === 'X'),
      type
    )
  }
  t.equal(fs.readdirSync('/proc/self/fd').length, openBefore, 'and none afterwards')
})

t.test('a base that answers slowly, but answers, is waited for', async (t) => {
  const gate = new Gate(200)
  const slow = () => new Promise<number>((resolve) => setTimeout(resolve, 50, 1))
  const all = await gate.watch(
    1,
    async (calls) => await Promise.all(Array.from({ length: 10 }, () => calls(slow)))
  )
  t.equal(all.length, 10)
})

t.test('a file that vanishes under the walk is no error', async (t) => {
  const root = t.testdir({})
  plant(root, { 'a.md': '# A', 'b.md': '# B' })
  const first = await scan(root)
  fs.rmSync(join(root, 'a.md'))
  const look = await scanner(root).look(['a.md'], knownIn(first))
  t.match(look, { found: new Map([['a.md', undefined]]), warnings: [] })
})

t.test('where calls can hang, side by side and through the gate, the same is found', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`${i % 7}/${i % 3}/${i}.md`, `# ${i}`])
  )
  const root = t.testdir({})
  plant(root, {
    ...files,
    'a.pdf': '',
    'empty.md': '',
    'big.html': `<title>Big</title>${'x'.repeat(100_000)}`
  })
  fs.symlinkSync('0', join(root, 'link'))
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff]), Buffer.from('.md')]), '')
  // Days later no server's clock can be so far behind that a file is fresh.
  const remote = { mounts: () => [], at: Date.now() + 3 * 86_400_000, rereadMs: 0 }
  const [here, there] = [await scan(root), await scan(root, remote)]
  const entries = (found: Scan) => relsOf(found).map((rel) => entryIn(found, rel))
  t.strictSame(entries(there), entries(here))
  t.equal(knownIn(there).size, 63)
  t.strictSame(there.warnings, here.warnings)
  t.match(there, { skippedLinks: 1, filesRead: 61 })
  t.ok(scanner(root, remote).remote)
  t.notOk(scanner(root).remote)

  const again = await scan(root, remote, knownIn(there))
  t.equal(again.filesRead, 0)
  const look = await scanner(root, remote).look(['a.pdf', 'link/0/0.md', 'gone.md', '0/0/0.md'], new Map())
  if (!('found' in look)) throw new Error(look.unavailable)
  t.strictSame(
    [...look.found].filter(([, tracked]) => tracked).map(([rel]) => rel),
    ['a.pdf', '0/0/0.md']
  )
  fs.symlinkSync('/', join(root, 'out'))
  t.equal(
    await scanner(root, remote).findEscape(['0/0/0.md', 'link/x.md', 'new/x.md', 'out/etc/x.md']),
    'out/etc/x.md'
  )
  t.strictSame(await scanner(join(root, 'nowhere'), remote).scan(new Map(), false), {
    unavailable: 'it does not exist (ENOENT)'
  })
})

t.test('what a file holds can not end a walk', async (t) => {
  const root = t.testdir({ 'a.md': '# A', 'b.md': '# B' })
  const unreadable = {
    toString: () => {
      throw new RangeError('deep')
    }
  } as unknown as Buffer
  const broken: HandsNow = {
    ...syncHands,
    open: (path, wants, take) =>
      syncHands.open(path, wants, (stat, head) =>
        take(stat, path.endsWith('a.md') ? { cut: false, bytes: unreadable } : head)
      )
  }
  const found = await walkWith(broken, root)
  t.strictSame(relsOf(found), ['a.md', 'b.md'])
  t.match(found.warnings, [
    { code: 'unreadable', rel: 'a.md', message: 'its content can not be understood (RangeError)' }
  ])
})

t.test(
  'a link that took the place of a file since its folder was listed is not opened, nor is a FIFO waited for',
  async (t) => {
    const root = t.testdir({ 'a.md': '# A' })
    fs.symlinkSync('a.md', join(root, 'link.md'))
    execFileSync('mkfifo', [join(root, 'fifo.md')])
    for (const hands of [syncHands, asyncHands((call) => call())]) {
      const open = async (name: string) =>
        await hands.open(
          join(root, name),
          () => true,
          (stat, head) => ({ stat, head })
        )
      t.match(await open('a.md'), { stat: { isFile: true, size: 3 }, head: { cut: false } })
      await t.rejects(open('link.md'), { code: 'ELOOP' })
      t.match(await open('fifo.md'), { stat: { isFile: false }, head: undefined })
    }
  }
)

t.test('a folder that is exchanged for a link under a walk leads nowhere', async (t) => {
  const folder = fs.realpathSync(
    t.testdir({ base: { x: { 'a.md': '# Mine' } }, other: { 'a.md': '# Secret' } })
  )
  const base = join(folder, 'base')
  const swap = () => {
    fs.renameSync(join(base, 'x'), join(folder, 'was'))
    fs.symlinkSync(join(folder, 'other'), join(base, 'x'))
  }
  // Behind the listing of the base: its folder x is known to be a folder.
  const before: HandsNow = {
    ...syncHands,
    names: (path) => {
      const names = syncHands.names(path)
      if (!fs.existsSync(join(folder, 'was'))) swap()
      return names
    }
  }
  const real = {
    base: 'b',
    root: base,
    hands: before,
    select: makeSelect(INCLUDE, []),
    trust: trustIn('ext4', true, Date.now()),
    isOwn: () => false,
    known: new Map(),
    full: true,
    counts: { folders: 0, files: 0, read: 0 }
  }
  t.strictSame(relsOf(await walkNow({ ...real, pin: pinNow }, before)), [])
  fs.rmSync(join(base, 'x'))
  fs.renameSync(join(folder, 'was'), join(base, 'x'))
  // Behind the listing of x: its file a.md is known.
  const behind: HandsNow = {
    ...syncHands,
    names: (path) => {
      const names = syncHands.names(path)
      if (names.some(({ name }) => name === 'a.md')) swap()
      return names
    }
  }
  const found = await walkNow({ ...real, pin: pinNow }, behind)
  t.equal(entryIn(found, 'x/a.md')?.title, 'Mine')
})

t.test('a deep tree holds few folders open', async (t) => {
  const root = t.testdir({})
  const rel = `${'d/'.repeat(300)}x.md`
  plant(root, { [rel]: '# Deep' })
  const before = fs.readdirSync('/proc/self/fd').length
  let most = 0
  const counting: HandsNow = {
    ...syncHands,
    open: (path, wants, take) => {
      most = fs.readdirSync('/proc/self/fd').length
      return syncHands.open(path, wants, take)
    }
  }
  const counts = { folders: 0, files: 0, read: 0 }
  const trust = trustIn('ext4', true, Date.now())
  const select = makeSelect(INCLUDE, [])
  const options = {
    base: 'b',
    root,
    pin: pinNow,
    hands: counting,
    select,
    trust,
    known: new Map(),
    full: true,
    counts
  }
  const found = await walkNow({ ...options, isOwn: () => false }, counting)
  t.strictSame(relsOf(found), [rel])
  t.ok(most - before < 100, `${most - before} more are open`)
  t.equal(fs.readdirSync('/proc/self/fd').length, before)
})
