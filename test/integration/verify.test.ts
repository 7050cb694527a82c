import fs from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Value } from '@sinclair/typebox/value'
import t, { type Test } from 'tap'
import { type Difference, Verification } from '../../src/schemas/verify.js'
import { blindSentence, blindSpotsOf, isBlindTo, isSighted } from '../../src/services/blind-spots.js'
import { plant, run, Service, scratch } from '../support.js'

async function stage(t: Test) {
  const folder = scratch(t, {
    'a/2026-01-01-one.md': '# One',
    'a/2026-01-02-two.md': '# Two',
    'a/2026-01-03-three.md': '# Three',
    'b/odd.md': '---\ntitle: [\n---\n'
  })
  const manifest = join(folder, 's/m.json')
  const args = ['--base', `a=${folder}/a`, '--base', `b=${folder}/b`, '--manifest', manifest]
  await run(['build', ...args])
  const verify = async (...flags: string[]) => {
    const { code, stdout, stderr } = await run(['verify', '--json', ...flags, ...args])
    const verification = JSON.parse(stdout) as Verification
    t.equal(stderr, '')
    t.notOk([...Value.Errors(Verification, [], verification)][0], 'it fits its schema')
    return { code, ...verification }
  }
  return { folder, manifest, args, verify }
}

/** All that lies in a folder, with its bytes. */
function filesIn(folder: string): [string, string][] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => fs.statSync(join(folder, name)).isFile())
    .map((name) => [name, fs.readFileSync(join(folder, name), 'latin1')])
}

const named = ({ where, base, rel, kind, field }: Difference) =>
  `${where} ${kind}${field === undefined ? '' : ` ${field}`} ${base}/${rel}`

t.test('verify passes where manifest, service and disk say the same, and writes nothing', async (t) => {
  const { folder, args, verify } = await stage(t)
  const service = await Service.start([...args, '--refresh', '0'])
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const before = filesIn(folder)
  const told = await verify('--url', service.url)
  t.match(told, {
    code: 0,
    status: 'ok',
    message: 'the manifest and the service say what is on disk: 4 reports, every field, in order',
    bases: [
      { name: 'a', disk: 3, manifest: 3, service: 3 },
      { name: 'b', disk: 1, manifest: 1, service: 1 }
    ],
    differences: [],
    followUps: { warnings: [{ code: 'front-matter', base: 'b', rel: 'odd.md' }], bases: [] }
  })
  const { manifestRead, scan, firstListing, service: answer } = told.seconds
  for (const seconds of [manifestRead, scan, firstListing, answer]) t.type(seconds, 'number')
  t.strictSame([told.etags.manifest, told.etags.service], [told.etags.disk, told.etags.disk])
  t.strictSame(filesIn(folder), before)
  const text = await run(['verify', '--url', `${service.url}/reports-index`, ...args])
  t.equal(text.code, 0)
  const lines = text.stdout.split('\n')
  t.match(lines[0], /^STATUS OK: /)
  t.match(lines[1], /^reports-index \d+\.\d+\.\d+, commit \S+/)
  t.match(
    lines[2],
    /^seconds: manifest read \d\.\d{3}, scan \d+\.\d{3}, first listing of a new process \d+\.\d{3}, service /
  )
  t.match(text.stdout, /\n {2}a {5}3 {5}3 {9}3\n/)
  t.match(text.stdout, /\nfollow-ups: 1 warning, 0 bases not ok\n {2}front-matter {2}b\/odd.md:\d /)
})

t.test('verify fails, and names it, where a file was added, changed or removed', async (t) => {
  const { folder, verify } = await stage(t)
  plant(folder, { 'a/2026-01-04-four.md': '# Four', 'a/2026-01-01-one.md': '# Another' })
  fs.rmSync(join(folder, 'a/2026-01-02-two.md'))
  const { code, status, differences } = await verify()
  t.match({ code, status }, { code: 1, status: 'differs' })
  t.strictSame(differences.map(named).toSorted(), [
    'manifest extra a/2026-01-02-two.md',
    'manifest field mtime a/2026-01-01-one.md',
    'manifest field size a/2026-01-01-one.md',
    'manifest field title a/2026-01-01-one.md',
    'manifest missing a/2026-01-04-four.md'
  ])
})

t.test('verify fails, and names it, where one field of the manifest was changed', async (t) => {
  const { manifest, verify, args } = await stage(t)
  fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('"title":"Two"', '"title":"2"'))
  const { code, status, differences } = await verify()
  t.match({ code, status }, { code: 1, status: 'failed' })
  t.match(differences, [
    { base: 'a', rel: '2026-01-02-two.md', kind: 'field', field: 'title', onDisk: 'Two', found: '2' }
  ])
  t.match(
    (await run(['verify', ...args])).stdout,
    /\n {2}a\/2026-01-02-two.md: title is "2" in the manifest, "Two" on disk\n/
  )
})

t.test('verify fails, and names it, where two entries of the manifest were swapped', async (t) => {
  const { manifest, verify } = await stage(t)
  const lines = fs.readFileSync(manifest, 'utf8').split('\n')
  const at = lines.findIndex((line) => line.includes('three.md'))
  ;[lines[at], lines[at + 1]] = [lines[at + 1] as string, lines[at] as string]
  fs.writeFileSync(manifest, lines.join('\n'))
  const { code, differences } = await verify()
  t.equal(code, 1)
  t.strictSame(differences.map(named), ['manifest order a/2026-01-02-two.md'])
})

t.test('verify fails where there is no manifest, or no service', async (t) => {
  const { manifest, verify, args } = await stage(t)
  t.match(await verify('--url', 'http://127.0.0.1:9'), {
    code: 1,
    status: 'failed',
    message: /the service at http:\/\/127.0.0.1:9 gives no listing/
  })
  fs.rmSync(manifest)
  t.match(await verify(), {
    code: 1,
    status: 'failed',
    message: /no usable manifest/,
    differenceCount: 0,
    bases: [{ name: 'a', disk: 3, manifest: null, service: null }, {}]
  })
  t.match(await run(['verify', '--url', 'here', ...args]), { code: 2, stderr: /--url is "here"; allowed/ })
  t.notOk(fs.existsSync(manifest))
})

t.test('verify compares what the service serves, with its token', async (t) => {
  const { folder, args, verify } = await stage(t)
  const other = scratch(t, { 'a/2026-01-01-one.md': '# One', 'b/': '' })
  const flags = ['--base', `a=${other}/a`, '--base', `b=${other}/b`, '--manifest', `${other}/m.json`]
  const service = await Service.start([...flags, '--refresh', '0', '--read-token', 'secret'])
  t.teardown(() => service.stop('SIGKILL'))
  fs.utimesSync(join(other, 'a/2026-01-01-one.md'), 1, 1)
  fs.utimesSync(join(folder, 'a/2026-01-01-one.md'), 1, 1)
  await run(['build', ...args])
  await service.rebuild()
  t.match(await verify('--url', service.url), { status: 'failed', message: /401|token|uthorization/ })
  const { differences } = await verify('--url', service.url, '--read-token', 'secret')
  t.strictSame(differences.map(named).toSorted(), [
    'service missing a/2026-01-02-two.md',
    'service missing a/2026-01-03-three.md',
    'service missing b/odd.md'
  ])
})

t.test(
  'a base that is away is no difference, and never OK; with all of them away nothing is evident',
  async (t) => {
    const { folder, verify } = await stage(t)
    fs.renameSync(join(folder, 'b'), join(folder, 'away'))
    t.match(await verify(), {
      code: 1,
      status: 'incomplete',
      message: /^1 base \(b\) could not be looked at; .*: 3 reports, every field, in order$/,
      bases: [
        { name: 'a', disk: 3, manifest: 3 },
        { name: 'b', disk: null, manifest: 1 }
      ],
      followUps: { bases: [{ name: 'b', status: 'unavailable', error: /does not exist/ }] }
    })
    fs.renameSync(join(folder, 'a'), join(folder, 'gone'))
    t.match(await verify(), { code: 1, status: 'failed', message: /no base could be looked at/ })
  }
)

t.test('what is listed and not on disk is never OK, whatever the manifest believes of it', async (t) => {
  const { folder, args, verify } = await stage(t)
  fs.rmSync(join(folder, 'a'), { recursive: true })
  fs.mkdirSync(join(folder, 'a'))
  t.match(await run(['build', ...args]), { code: 0, stdout: /a +3 {2}suspect/ })
  const { code, status, differences, bases } = await verify()
  t.match({ code, status }, { code: 1, status: 'differs' })
  t.strictSame(
    differences.map(({ kind, base }) => `${kind} ${base}`),
    ['extra a', 'extra a', 'extra a']
  )
  t.match(bases[0], { name: 'a', disk: 0, manifest: 3 })
})

t.test('what could not be read is no difference, and never OK', async (t) => {
  const base = (name: string, status: 'ok' | 'unavailable') => ({
    name,
    status,
    count: 0,
    scannedAt: null,
    error: null
  })
  const unreadable = (rel: string) => ({ code: 'unreadable', base: 'a', rel, message: '' })
  const bases = [base('a', 'ok'), base('b', 'unavailable')]
  const warnings = [unreadable('x'), unreadable('y/f.md')]
  const blind = blindSpotsOf({ bases, warnings }, [{ reports: [{ base: 'c' }, null] }, undefined])
  for (const [name, rel] of ['a x/1.md', 'a x/y/1.md', 'a y/f.md', 'b 1.md', 'c 1.md'].map((all) =>
    all.split(' ')
  ))
    t.ok(isBlindTo(blind, { base: name as string, rel: rel as string }), `${name} ${rel}`)
  for (const rel of ['1.md', 'xy/1.md', 'y/g.md']) t.notOk(isBlindTo(blind, { base: 'a', rel }), rel)
  t.notOk(isSighted(blind))
  t.equal(blindSentence(blind), '2 bases (b, c) and 2 files or folders could not be looked at')
  t.ok(isSighted(blindSpotsOf({ bases: [base('a', 'ok')], warnings: [] }, [])))
})

t.test('reports of a base that the settings do not have are not looked at', async (t) => {
  const { folder, manifest } = await stage(t)
  const alone = ['--base', `a=${folder}/a`, '--manifest', manifest]
  t.match(await run(['verify', ...alone]), { code: 1, stdout: /^STATUS INCOMPLETE: 1 base \(b\) could not/ })
})

t.test('a manifest of another program is compared to its head', async (t) => {
  const { manifest, args, verify } = await stage(t)
  const { reports } = JSON.parse((await run(['list', '--json', ...args])).stdout) as { reports: object[] }
  const { etag, generatedAt, bases } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as Record<
    string,
    unknown
  >
  const write = (more: object) =>
    fs.writeFileSync(
      manifest,
      JSON.stringify({ version: 1, etag, generatedAt, count: 4, bases, reports, ...more })
    )
  write({})
  t.match(await verify(), { code: 0, status: 'ok' })
  write({ bases: [{ name: 'a', count: 99 }] })
  const { status, differences } = await verify()
  t.equal(status, 'differs')
  t.match(differences, [
    { kind: 'count', base: 'a', onDisk: 3, found: 99 },
    { kind: 'count', base: 'b', onDisk: 1, found: 0 }
  ])
})

t.test('whatever a service answers, there is one object, and nothing secret in it', async (t) => {
  const { args, verify } = await stage(t)
  const odd = { total: 1, count: 1, reports: [{ base: { toString: 1 }, rel: 'x' }] }
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(odd))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  t.match(await verify('--url', `http://127.0.0.1:${port}`), { code: 1 })
  const secret = await run(['verify', '--url', `http://me:hush@127.0.0.1:${port}`, ...args])
  t.match(secret, { code: 2, stdout: '', stderr: /--url has a name or a password/ })
  t.notMatch(secret.stderr, /hush/)
})
