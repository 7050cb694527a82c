import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { plant, run, scratch } from '../support.js'

const FILES = {
  'a/2026-06-09-one.md': '---\ntitle: One\ntype: audit\n---\n',
  'a/two.html': '<title>Two\u202e</title><meta name=date content=2026-06-08>',
  'b/2026-06-10_three.txt': 'x'
}

function stage(t: Test) {
  const folder = scratch(t)
  plant(folder, FILES)
  const args = [
    '--base',
    `a=${join(folder, 'a')}`,
    '--base',
    `b=${join(folder, 'b')}`,
    '--manifest',
    join(folder, 's/m.json')
  ]
  return { folder, args, manifest: join(folder, 's/m.json') }
}

t.test('build writes the manifest and tells a summary', async (t) => {
  const { args, manifest, folder } = stage(t)
  plant(folder, { 'b/bad.md': '---\ntitle: a: b\n---\n' })
  const first = await run(['build', ...args])
  t.match(first, { code: 0, stdout: /^4 reports: 4 added, 0 updated, 0 removed; 4 read/ })
  t.match(first.stdout, /\n {2}a +2 {2}ok\n {2}b +2 {2}ok\n1 warning\n {2}front-matter {2}b {2}bad\.md:2 {2}/)
  const bytes = fs.readFileSync(manifest)
  t.match(await run(['build', ...args]), { code: 0, stdout: /^4 reports: 0 added, 0 updated, 0 removed/ })
  t.match(await run(['build', '--full', ...args]), { code: 0, stdout: /; 4 read/ })
  t.strictSame(fs.readFileSync(manifest), bytes)
})

t.test('build ends with 1 where nothing could be written', async (t) => {
  const { args, folder } = stage(t)
  plant(folder, { s: 'no folder' })
  t.match(await run(['build', ...args]), { code: 1, stderr: /can not be written, .*\(EEXIST\)/ })
})

t.test('build takes an accepted loss', async (t) => {
  const { args, folder } = stage(t)
  await run(['build', ...args])
  fs.rmSync(join(folder, 'b/2026-06-10_three.txt'))
  t.match(await run(['build', ...args]), {
    code: 0,
    stdout: /b +1 {2}suspect: all 1 reports are missing.*--accept-removals b/
  })
  t.match(await run(['build', '--accept-removals', 'b', ...args]), {
    code: 0,
    stdout: /^2 reports: 0 added, 0 updated, 1 removed/
  })
  t.match(await run(['build', '--accept-removals', 'c', ...args]), { code: 2, stderr: /unknown base "c"/ })
})

t.test('list shows the listing, filtered', async (t) => {
  const { args } = stage(t)
  await run(['build', ...args])
  const rels = async (...flags: string[]) => {
    const { code, stdout } = await run(['list', '--json', ...flags, ...args])
    t.equal(code, 0)
    const { total, count, reports } = JSON.parse(stdout)
    return [total, count, ...reports.map(({ rel }: { rel: string }) => rel)]
  }
  const [one, two, three] = ['2026-06-09-one.md', 'two.html', '2026-06-10_three.txt']
  t.strictSame(await rels(), [3, 3, three, one, two])
  t.strictSame(await rels('--in', 'b'), [1, 1, three])
  t.strictSame(await rels('--in', 'b', '--in', 'a', '--limit', '1'), [3, 1, three])
  t.strictSame(await rels('--type', 'audit', '--type', 'text'), [2, 2, three, one])
  t.strictSame(await rels('--q', 'TWO html'), [1, 1, two])
  t.strictSame(await rels('--from', '2026-06-09', '--to', '2026-06-09'), [1, 1, one])
  t.strictSame(await rels('--from', '2026-06-10', '--to', '2026-06-09'), [0, 0])
  const { stdout } = await run(['list', ...args])
  t.equal(stdout.split('\n')[1], '2026-06-09\taudit\ta\t2026-06-09-one.md\tOne')
})

t.test('list ends with 1 where there is no usable manifest', async (t) => {
  const { args, manifest } = stage(t)
  t.match(await run(['list', ...args]), {
    code: 1,
    stderr: /no usable manifest at .*m\.json: it does not exist/
  })
  plant(join(manifest, '..'), { 'm.json': '{}' })
  t.match(await run(['list', ...args]), { code: 1, stderr: /does not match/ })
})

t.test('a reader that stops reading ends list without an error', async (t) => {
  const { args, folder } = stage(t)
  plant(
    folder,
    Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`a/${i}.md`, `# ${'long title '.repeat(20)}`]))
  )
  await run(['build', ...args])
  const cli = new URL('../../src/cli.js', import.meta.url).pathname
  const shell = `set -o pipefail; "$0" "$@" | head -n 1`
  t.match(execFileSync('bash', ['-c', shell, process.execPath, cli, 'list', ...args]).toString(), /^2026/)
})

t.test('wrong usage ends with 2 and one line', async (t) => {
  const { args } = stage(t)
  const wrong: [string[], RegExp][] = [
    [['nope'], /unknown command "nope"/],
    [['--nope'], /Unknown option '--nope'/],
    [['build', '--json'], /Unknown option '--json'/],
    [['build', 'extra'], /Unexpected argument 'extra'/],
    [['serve', '--port'], /--port/],
    [['list', '--limit', '0', ...args], /--limit is "0"; allowed: a whole number from 1 to 10000/],
    [['list', '--limit', 'abc', ...args], /--limit is "abc"/],
    [['list', '--from', '2026-13-45', ...args], /--from is "2026-13-45"/],
    [['--refresh', '-1s'], /REFRESH \(--refresh\) is "-1s"; allowed/],
    [['--host', '127.0.0.999'], /HOST/],
    [['--include', '*.{md', '--port', '0'], /INCLUDE/],
    [['list', '--from', 'June', ...args], /--from is "June"; allowed: a day/],
    [['--serve-reports=maybe'], /SERVE_REPORTS \(--serve-reports\) is "maybe"; allowed: true or false/],
    [['--serve-reports', 'maybe'], /Unexpected argument 'maybe'/],
    [['--serve-reports', '--serve-reports', 'false', '--port', 'x'], /PORT/],
    [['--report-url', 'javascript:x'], /REPORT_URL \(--report-url\) is "javascript:x"; allowed: http/],
    [['verify', '--url', 'x', ...args], /--url is "x"; allowed/],
    [['--port', 'x'], /PORT \(--port\) is "x"; allowed: a whole number/],
    [['--host', '0.0.0.0'], /HOST \(--host\) is "0.0.0.0"; allowed/]
  ]
  for (const [args, line] of wrong) {
    const { code, stdout, stderr } = await run(args)
    t.match({ code, stdout, stderr }, { code: 2, stdout: '', stderr: line }, args.join(' '))
    t.equal(stderr.trimEnd().split('\n').length, 1)
  }
})

t.test('flags win over the environment, and that over .env', async (t) => {
  const { folder } = stage(t)
  plant(folder, {
    'here/.env': `REPORTS_INDEX_BASES=a=${join(folder, 'a')}\nREPORTS_INDEX_MANIFEST=${join(folder, 'env.json')}\nPORT=loud\n`
  })
  const here = join(folder, 'here')
  t.match(await run(['build'], {}, here), { code: 2, stderr: /PORT \(--port\) is "loud"/ })
  t.match(await run(['build'], { PORT: '1' }, here), { code: 0, stdout: /^2 reports/ })
  t.ok(fs.existsSync(join(folder, 'env.json')))
  const env = { PORT: '1', REPORTS_INDEX_BASES: `b=${join(folder, 'b')}`, REPORTS_INDEX_MANIFEST: '' }
  t.match(
    await run(['build'], env, here),
    { code: 1, stdout: /^3 reports: 1 added/, stderr: /holds the base a, .* --forget-base a/ },
    'an empty variable is none'
  )
  t.match(await run(['build', '--forget-base', 'a'], env, here), { code: 0, stdout: /^1 reports/ })
  t.match(await run(['build', '--forget-base', 'b'], env, here), { code: 2, stderr: /RI|"b" is one of/ })
  t.match(await run(['build', '--base', `a=${join(folder, 'a')},b=${join(folder, 'b')}`], env, here), {
    stdout: /^3 reports/
  })
})

t.test('what is no file in the place of .env is not waited for', async (t) => {
  const { folder, args } = stage(t)
  execFileSync('mkfifo', [join(folder, '.env')])
  t.match(await run(['build', ...args], {}, folder), { code: 0 })
})

t.test('bases that overlap stop the start, both named', async (t) => {
  const { folder } = stage(t)
  fs.symlinkSync('a', join(folder, 'link'))
  const at = (path: string) =>
    run(['--base', `one=${join(folder, 'a')}`, '--base', `two=${join(folder, path)}`])
  for (const path of ['a', 'link', 'a/deeper', '.'])
    t.match(await at(path), { code: 2, stderr: /bases one and two overlap/ }, path)
})

t.test('a port in use ends with 1 and one line', async (t) => {
  const { args } = stage(t)
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const ran = await run(['serve', '--port', String(port), '--log-level', 'silent', ...args])
  t.match(ran, { code: 1, stdout: '', stderr: /^reports-index: the port is in use.*\n$/ })
})

t.test('--help names every setting and command; --version is that of the package', async (t) => {
  const { code, stdout } = await run(['--help'])
  t.equal(code, 0)
  for (const word of [
    'serve',
    'build',
    'list',
    '--base NAME=PATH',
    'REPORTS_INDEX_MAX_DROP',
    '--accept-removals',
    '--log-level'
  ]) {
    t.ok(stdout.includes(word), word)
  }
  t.match(await run(['-h']), { code: 0, stdout })
  t.match(await run(['help']), { code: 0, stdout })
  t.match(await run(['help', 'verify']), { code: 0, stdout: /^Usage: reports-index verify/ })
  t.match(await run(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})
