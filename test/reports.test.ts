import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import { get } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { anyone } from '../src/services/fair-queue.js'
import { Renderer } from '../src/services/io/renderer.js'
import { Lanes } from '../src/services/lanes.js'
import { isNestedBeyond } from '../src/services/nesting.js'
import { encodeRel, reportLink } from '../src/services/report-link.js'
import { house, post } from './described.js'
import { plant, Service, scratch, until } from './support.js'

const LONG_AGO = new Date('2026-01-02T03:04:05.678Z')
const HTML = '<!doctype html><title>H</title><p>hé'

async function reports(t: Test, files: Record<string, string> = {}, texts = {}) {
  const planted = {
    'a/one.md': '# One\n',
    'a/deep/down/page.html': HTML,
    'b/notes.txt': '0123456789',
    ...files
  }
  const made = await house(t, planted, { serveReports: 'true', ...texts })
  for (const rel of Object.keys(planted)) fs.utimesSync(join(made.folder, rel), LONG_AGO, LONG_AGO)
  await made.ask(post())
  return made
}

/** Files whose times tell their states apart: only time passing makes them so, since change times can not be set. */
async function settled(t: Test, files: Record<string, string> = {}) {
  const made = await reports(t, files)
  const headers = { 'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }
  await until(async () => (await made.ask({ url: '/reports/b/notes.txt', headers })).statusCode === 304)
  return made
}

t.test('a listed report is sent as it is, and under a policy by which nothing in it acts', async (t) => {
  const { ask } = await reports(t)
  const answer = await ask('/reports/a/deep/down/page.html')
  t.equal(answer.statusCode, 200)
  t.equal(answer.body, HTML)
  t.match(answer.headers, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(HTML),
    'content-security-policy': /^sandbox; default-src 'none';/,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    'accept-ranges': 'bytes',
    'last-modified': 'Fri, 02 Jan 2026 03:04:05 GMT'
  })
  t.notMatch(answer.headers['content-security-policy'], /allow-|script-src/)
  const head = await ask({ method: 'HEAD', url: '/reports/a/deep/down/page.html' })
  t.equal(head.body, '')
  const lasting = ({ date: _date, ...headers }: typeof head.headers) => headers
  t.strictSame(lasting(head.headers), lasting(answer.headers))
})

t.test('media types are those of what is listed; what could act is text', async (t) => {
  const files: Record<string, string | Buffer> = {
    'a/x.md': '#',
    'a/x.pdf': '%PDF',
    'a/x.svg': '<svg onload="1"/>',
    'a/x.js': '1',
    'a/x.htm': Buffer.from('<p>\xe9', 'latin1'),
    'a/empty.txt': ''
  }
  const { ask, folder } = await reports(t, {}, { include: '**/*.{md,pdf,svg,js,htm,txt}' })
  plant(folder, files)
  await ask(post())
  const typeOf = async (url: string) => (await ask(url)).headers['content-type']
  t.equal(await typeOf('/reports/a/x.md'), 'text/markdown; charset=utf-8')
  t.equal(await typeOf('/reports/a/x.pdf'), 'application/pdf')
  t.equal(await typeOf('/reports/a/x.svg'), 'text/plain; charset=utf-8')
  t.equal(await typeOf('/reports/a/x.js'), 'text/plain; charset=utf-8')
  t.equal(await typeOf('/reports/a/x.htm'), 'text/html', 'what is no UTF-8 declares its charset itself')
  const empty = await ask('/reports/a/empty.txt')
  t.match([empty.statusCode, empty.headers['content-length'], empty.body], [200, '0', ''])
})

t.test('only what the listing holds is opened, whatever the spelling', async (t) => {
  const { server, folder } = await reports(t, { 'a/.secret.md': 'hidden', 'secret.md': 'outside' })
  const address = new URL(await server.listen({ port: 0, host: '127.0.0.1' }))
  plant(folder, { 'a/new.md': 'not listed yet' })
  const paths = [
    'a/new.md',
    'a/.secret.md',
    'a/../secret.md',
    'a/%2e%2e/secret.md',
    'a/..%2fsecret.md',
    'a/deep/../one.md',
    'a//one.md',
    'a/./one.md',
    'a/one.md/',
    'a/ONE.md',
    'a/one.md%00',
    'a/one.md%0a',
    'a\\one.md',
    '%61%2f..%2fsecret.md',
    'c/one.md',
    'a',
    'a/',
    '',
    `${folder}/secret.md`,
    encodeURIComponent(join(folder, 'secret.md')),
    'a/one.md","title":"'
  ]
  for (const spelling of paths) {
    const path = encodeURI(`/reports/${spelling}`).replace(/%25/g, '%')
    const [status, code] = await asked(address, path)
    t.match([status, code], [404, 'RI_ERR_NOT_FOUND'], spelling)
  }
})

/** Asks for a path as it is written: most clients take dots out of it. */
function asked({ hostname, port }: URL, path: string): Promise<[number | undefined, string]> {
  return new Promise((resolve, reject) => {
    get({ hostname, port, path, agent: false }, (answer) => {
      const tell = (parts: unknown[]) => resolve([answer.statusCode, JSON.parse(parts.join('')).code])
      answer.toArray().then(tell, reject)
    }).on('error', reject)
  })
}

t.test('a link that took the place of a report, or of a folder above it, is not followed', async (t) => {
  const { ask, folder } = await reports(t, { 'out/secret.txt': 'outside', 'out/notes.txt': 'outside' })
  fs.rmSync(join(folder, 'b/notes.txt'))
  fs.symlinkSync(join(folder, 'out/secret.txt'), join(folder, 'b/notes.txt'))
  const gone = { statusCode: 404, code: 'RI_ERR_REPORT_GONE' }
  t.match((await ask('/reports/b/notes.txt')).json(), gone)
  fs.rmSync(join(folder, 'a/deep'), { recursive: true })
  plant(folder, { 'out/down/page.html': 'outside' })
  fs.symlinkSync(join(folder, 'out'), join(folder, 'a/deep'))
  t.match((await ask('/reports/a/deep/down/page.html')).json(), gone)
  fs.rmSync(join(folder, 'b/notes.txt'))
  execFileSync('mkfifo', [join(folder, 'b/notes.txt')])
  t.match((await ask('/reports/b/notes.txt')).json(), gone)
  fs.renameSync(join(folder, 'b'), join(folder, 'b-away'))
  const away = (await ask('/reports/b/notes.txt')).json()
  t.match(away, { statusCode: 503, code: 'RI_ERR_REPORT_UNREADABLE' })
  t.notOk(away.message.includes(folder))
})

t.test('a manifest that names what no report can be opens nothing', async (t) => {
  const { ask, manifest, folder } = await reports(t, { 'b/.env': 'SECRET' })
  const entry = (rel: string) => ({
    base: 'b',
    rel,
    title: 'x',
    date: '2026-01-02',
    type: 'text',
    mtime: '2026-01-02T03:04:05.678Z',
    size: 6
  })
  const entries = [entry('../secret.txt'), entry('.env')]
  const listing = `{"total":2,"count":2,"reports":[\n${entries.map((each) => JSON.stringify(each)).join(',\n')}\n]}\n`
  plant(folder, { 'secret.txt': 'outside' })
  const { createHash } = await import('node:crypto')
  const etag = createHash('sha256').update(listing).digest('hex')
  const facts = {
    version: 1,
    etag,
    generatedAt: '2026-01-02T03:04:05.678Z',
    count: 2,
    bases: [],
    reports: entries
  }
  fs.writeFileSync(manifest, JSON.stringify(facts))
  t.match((await ask('/reports-index')).json(), { count: 2 })
  t.equal((await ask('/reports/b/.env')).statusCode, 404)
  t.equal((await ask('/reports/b/..%2Fsecret.txt')).statusCode, 404)
})

t.test('ranges and preconditions are those of a static server', async (t) => {
  const { ask } = await settled(t)
  const url = '/reports/b/notes.txt'
  const at = (headers: Record<string, string>) => ask({ url, headers })
  const { etag } = (await ask(url)).headers as { etag: string }
  const modified = 'Fri, 02 Jan 2026 03:04:05 GMT'
  const before = 'Fri, 02 Jan 2026 03:04:04 GMT'
  const cases: [Record<string, string>, number, (string | undefined)?, string?][] = [
    [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=8-99' }, 206, '89', 'bytes 8-9/10'],
    [{ range: 'bytes=-99' }, 206, '0123456789', 'bytes 0-9/10'],
    [{ range: 'Bytes= 2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=5-2' }, 200, '0123456789'],
    [{ range: 'bytes=-0' }, 416, undefined, 'bytes */10'],
    [{ range: 'bytes=10-' }, 416, undefined, 'bytes */10'],
    [{ range: 'bytes=0-1,4-5' }, 200, '0123456789'],
    [{ range: 'lines=1-2' }, 200, '0123456789'],
    [{ range: 'bytes=x' }, 200, '0123456789'],
    [{ range: 'bytes=2-4', 'if-range': etag }, 206, '234'],
    [{ range: 'bytes=2-4', 'if-range': '"other"' }, 200, '0123456789'],
    [{ range: 'bytes=2-4', 'if-range': `W/${etag}` }, 200, '0123456789'],
    [{ range: 'bytes=2-4', 'if-range': modified }, 206, '234'],
    [{ range: 'bytes=2-4', 'if-range': before }, 200, '0123456789'],
    [{ 'if-none-match': etag }, 304, ''],
    [{ 'if-none-match': `"x", W/${etag}` }, 304, ''],
    [{ 'if-none-match': etag, range: 'bytes=2-4' }, 304, ''],
    [{ 'if-none-match': '"x"', 'if-modified-since': modified }, 200, '0123456789'],
    [{ 'if-modified-since': modified }, 304, ''],
    [{ 'if-modified-since': before }, 200, '0123456789'],
    [{ 'if-modified-since': 'yesterday' }, 200, '0123456789'],
    [{ 'if-modified-since': 'Friday, 02-Jan-26 03:04:05 GMT' }, 304, ''],
    [{ 'if-modified-since': 'Fri Jan  2 03:04:05 2026' }, 304, ''],
    [{ 'if-modified-since': 'Fri Jan  2 03:04:04 2026' }, 200, '0123456789'],
    [{ 'if-match': etag }, 200, '0123456789'],
    [{ 'if-match': '*' }, 200, '0123456789'],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-unmodified-since': modified }, 200, '0123456789'],
    [{ 'if-unmodified-since': before }, 412]
  ]
  for (const [headers, status, body, range] of cases) {
    const answer = await at(headers)
    const about = JSON.stringify(headers)
    t.equal(answer.statusCode, status, about)
    if (body !== undefined) t.equal(answer.body, body, about)
    if (range !== undefined) t.equal(answer.headers['content-range'], range, about)
    if (status === 304)
      t.match(answer.headers, { etag, 'cache-control': 'no-cache', 'content-length': undefined })
    if (status >= 400) t.match(answer.json(), { statusCode: status, code: /^RI_ERR_/ })
  }
})

t.test('HEAD knows of no parts', async (t) => {
  const { ask } = await reports(t)
  const answer = await ask({ method: 'HEAD', url: '/reports/b/notes.txt', headers: { range: 'bytes=0-1' } })
  t.match(
    [answer.statusCode, answer.headers['content-length'], answer.headers['content-range']],
    [200, '10', undefined]
  )
})

t.test(
  'a report that is written anew within a moment has another tag, and no time that counts',
  async (t) => {
    const { ask, folder } = await reports(t)
    const tags = new Set<unknown>()
    for (const text of ['aaaaaaaaaa', 'bbbbbbbbbb', 'cccccccccc']) {
      plant(folder, { 'b/notes.txt': text })
      fs.utimesSync(join(folder, 'b/notes.txt'), LONG_AGO, LONG_AGO)
      const { headers, body } = await ask('/reports/b/notes.txt')
      t.equal(body, text)
      tags.add(headers.etag)
      const since = { 'if-modified-since': String(headers['last-modified']) }
      t.equal((await ask({ url: '/reports/b/notes.txt', headers: since })).statusCode, 200)
      const match = { 'if-none-match': String(headers.etag) }
      t.equal((await ask({ url: '/reports/b/notes.txt', headers: match })).statusCode, 304)
    }
    t.equal(tags.size, 3)
  }
)

t.test(
  'a report whose time is to come is not read whole for each answer, and told anew when it changes',
  async (t) => {
    const { ask, folder } = await reports(t)
    const toCome = new Date(Date.now() + 86_400_000)
    const path = join(folder, 'b/notes.txt')
    const write = (text: string) => {
      fs.writeFileSync(path, text)
      fs.utimesSync(path, toCome, toCome)
    }
    const etag = async () => String((await ask('/reports/b/notes.txt')).headers.etag)
    const tags = new Set<string>()
    for (const text of ['aaaa', 'bbbb', 'cccc']) {
      write(text)
      tags.add(await etag())
    }
    t.equal(tags.size, 3, 'while it is new its tag is that of its bytes')
    const last = await etag()
    // The time of its last change lies 2 s back then; that of its bytes stays its tag.
    await new Promise((resolve) => setTimeout(resolve, 2200))
    t.equal(await etag(), last)
    const range = { range: 'bytes=0-1', 'if-range': last }
    t.equal((await ask({ url: '/reports/b/notes.txt', headers: range })).statusCode, 206)
    write('dddd')
    t.not(await etag(), last)
  }
)

t.test('a tag that was given while a report was new stays good', async (t) => {
  const { ask } = await reports(t)
  const { etag } = (await ask('/reports/b/notes.txt')).headers as { etag: string }
  const since = { 'if-modified-since': 'Fri, 02 Jan 2026 03:04:05 GMT' }
  await until(async () => (await ask({ url: '/reports/b/notes.txt', headers: since })).statusCode === 304)
  t.equal((await ask('/reports/b/notes.txt')).headers.etag, etag)
  const range = { range: 'bytes=0-1', 'if-range': etag }
  t.equal((await ask({ url: '/reports/b/notes.txt', headers: range })).statusCode, 206)
})

t.test('a page has another tag when the listing has another title for it', async (t) => {
  const { ask, folder } = await reports(t)
  plant(folder, { 'a/one.md': '---\ntitle: Other\n---\ntext' })
  const url = '/reports/a/one.md?view=rendered'
  const before = await ask(url)
  t.match(before.body, '<title>One</title>')
  await ask(post())
  const after = await ask({ url, headers: { 'if-none-match': String(before.headers.etag) } })
  t.equal(after.statusCode, 200)
  t.match(after.body, '<title>Other</title>')
})

t.test('a FIFO in the place of a report is not opened: its writer waits on', async (t) => {
  const { ask, folder } = await reports(t)
  const path = join(folder, 'b/notes.txt')
  fs.rmSync(path)
  execFileSync('mkfifo', [path])
  const writer = spawn('sh', ['-c', 'echo precious > "$0"', path])
  t.teardown(() => writer.kill('SIGKILL'))
  const blocked = () =>
    fs.readFileSync(`/proc/${writer.pid}/wchan`, 'utf8') !== '' && writer.exitCode === null
  await until(blocked)
  t.match((await ask('/reports/b/notes.txt')).json(), { statusCode: 404, code: 'RI_ERR_REPORT_GONE' })
  t.equal(writer.exitCode, null)
  t.equal(execFileSync('head', ['-n1', path]).toString(), 'precious\n', 'nobody else has read it')
})

t.test('a crowd is served', async (t) => {
  const { ask } = await reports(t)
  const urls = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0 ? '/reports/a/one.md?view=rendered' : '/reports/b/notes.txt'
  )
  const answers = await Promise.all(urls.map((url) => ask(url)))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
})

const MARKDOWN = `---
title: Sums
---
# Sums

| a | b |
| --- | --: |
| 1 | 2 |

[next](next%20one.md#top) [up](../x.markdown) [out](https://example.org/a.md) [here](#sums) [js](javascript:alert(1))
<script>fetch('/rebuild', { method: 'POST' })</script><style>* { display: none }</style>
<img src="x.png" onerror="alert(1)"><form action="/rebuild" method="post"><button>go</button></form>
<a href="javascript:alert(1)" onclick="alert(1)">raw</a> <iframe src="/"></iframe> <meta http-equiv="refresh" content="0;url=/">
`

t.test('Markdown is shown as a page, its HTML cleaned, its text one click away', async (t) => {
  const { ask } = await reports(t, { 'a/deep/sums.md': MARKDOWN })
  const answer = await ask('/reports/a/deep/sums.md?view=rendered')
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'text/html; charset=utf-8')
  t.match(answer.headers['content-security-policy'], /^sandbox; default-src 'none'; style-src 'sha256-/)
  const { body } = answer
  for (const part of [
    '<title>Sums</title>',
    '<h1 id="sums">Sums</h1>',
    '<td align="right">2</td>',
    'href="next%20one.md?view=rendered#top"',
    'href="../x.markdown?view=rendered"',
    'href="https://example.org/a.md"',
    'href="#sums"',
    'href="?view=raw"',
    'href="../../../"'
  ])
    t.ok(body.includes(part), part)
  t.notMatch(
    body,
    /<script|<form|<button|<iframe|<meta http|onerror|onclick|="javascript:|display: none|title: Sums/
  )
  t.equal((await ask('/reports/a/deep/sums.md?view=raw')).body, MARKDOWN)
  const raw = await ask('/reports/a/deep/sums.md')
  t.not(raw.headers.etag, answer.headers.etag)
  t.equal(
    (await ask('/reports/b/notes.txt?view=rendered')).body,
    '0123456789',
    'what is no Markdown stays as it is'
  )
  t.match((await ask('/reports/a/one.md?view=x')).json(), { statusCode: 400, message: /"view"/ })
})

t.test('hostile names and titles are text in a page', async (t) => {
  const name = `a/<img src=x onerror=alert(1)>"'&.md`
  const { ask } = await reports(t, { [name]: '---\ntitle: </title><script>alert(1)</script>\n---\n' })
  const { body } = await ask(`/reports/${encodeRel(name)}?view=rendered`)
  t.notMatch(body, /<script|<img/)
  t.match(body, '<h1>&#60;/title&#62;', 'what has no heading has its title')
  t.match(body, '<title>&#60;/title&#62;&#60;script&#62;')
})

t.test('a long report is shown in part', async (t) => {
  const { ask } = await reports(t, { 'a/long.md': `${'word '.repeat(300_000)}THE END` })
  const { body } = await ask('/reports/a/long.md?view=rendered')
  t.match(body, /this is its beginning/)
  t.notMatch(body, /THE END/)
  t.match((await ask('/reports/a/long.md')).body, /THE END/)
})

t.test('a text that would make too large a page, or take too long, costs that page alone', async (t) => {
  const large = `[a]: <http://x/${'A'.repeat(100_000)}>\n\n${'[a] '.repeat(2500)}`
  const slow = `# a\n${'# a-1\n# a\n'.repeat(90_000)}`
  const deep = `${'> '.repeat(20)}${'<b><i></p>'.repeat(2000)}`
  const { ask } = await reports(t, { 'a/large.md': large, 'a/slow.md': slow, 'a/deep.md': deep })
  const shown = (name: string) => ask(`/reports/a/${name}.md?view=rendered`)
  const [tooLarge, tooSlow, ...others] = await Promise.all([
    shown('large'),
    shown('slow'),
    shown('one'),
    shown('one')
  ])
  t.match(tooLarge?.json(), {
    statusCode: 503,
    code: 'RI_ERR_NOT_RENDERED',
    message: /too large; its text is to be had/
  })
  t.match(tooSlow?.json(), { statusCode: 503, code: 'RI_ERR_NOT_RENDERED' })
  t.match((await shown('deep')).json(), { code: 'RI_ERR_NOT_RENDERED', message: /nested too deeply/ })
  t.strictSame(
    others.map(({ statusCode }) => statusCode),
    [200, 200]
  )
  t.equal((await shown('slow')).statusCode, 503)
  t.equal((await ask('/reports/a/slow.md')).body, slow)
})

t.test('elements that are nested too deeply are found, however they are closed', async (t) => {
  for (const many of ['<b>', '<div><b>', '<DIV\n a="">', '<b></i>', '<zz>', '<p><b>'])
    t.ok(isNestedBeyond(1000, many.repeat(1001)), many)
  for (const many of ['<b></b>', '<li>', '<br>', '<p>', '<div><b></div>', '<tr><td>', 'a < b'])
    t.notOk(isNestedBeyond(1000, many.repeat(5000)), many)
})

t.test('what is slow waits for all that is quick', async (t) => {
  const lanes = new Lanes()
  const done: string[] = []
  const work = (name: string) => async () => {
    await new Promise(setImmediate)
    done.push(name)
    if (name === 'fails') throw new Error(name)
  }
  await Promise.allSettled([
    lanes.run(false, lanes, work('first')),
    lanes.run(true, lanes, work('slow')),
    lanes.run(false, lanes, work('fails')),
    lanes.run(true, lanes, work('slow, too')),
    lanes.run(false, lanes, work('last'))
  ])
  t.strictSame(done, ['first', 'fails', 'last', 'slow', 'slow, too'])
})

t.test('pages that nobody waits for are not made', async (t) => {
  const renderer = new Renderer(new URL('../src/renderer-main.js', import.meta.url))
  t.teardown(() => renderer.stop())
  const report = (text: string) => ({
    entry: { base: 'a', rel: 'x.md', title: 'X', date: '2026-01-01' },
    bytes: Buffer.from(text),
    cut: false
  })
  const slow = Array.from({ length: 12 }, (_, i) => {
    const gone = new AbortController()
    const page = renderer.render(report(`# ${i}\n${'# a-1\n# a\n'.repeat(60_000)}`), {
      caller: gone,
      signal: gone.signal
    })
    return { gone, page: page.catch((error: { code: string }) => error.code) }
  })
  for (const { gone } of slow) gone.abort()
  const [one, again] = await Promise.all([
    renderer.render(report('# One'), anyone()),
    renderer.render(report('# One'), anyone())
  ])
  t.match(one, '<h1 id="one">One</h1>')
  t.equal(again, one)
  t.strictSame(new Set(await Promise.all(slow.map(({ page }) => page))), new Set(['RI_ERR_BUSY']))
})

t.test('headings have the names that links to them have elsewhere', async (t) => {
  const { ask } = await reports(t, {
    'a/names.md': "# What's *new*?\n## 1. Introduction\n## Über `uns`\n## Twice\n## Twice\n"
  })
  const { body } = await ask('/reports/a/names.md?view=rendered')
  for (const id of ['whats-new', '1-introduction', 'über-uns', 'twice', 'twice-1'])
    t.ok(body.includes(`id="${id}"`), id)
})

t.test('reports are served where that is wanted: by default the samples alone', async (t) => {
  const { ask } = await house(t)
  await ask(post())
  t.match((await ask('/reports/a/one.md')).json(), { statusCode: 404, message: /SERVE_REPORTS/ })
})

t.test('a download that is given up, and one that goes on while the service stops', async (t) => {
  const folder = scratch(t, { 'a/big.txt': 'x'.repeat(30_000_000), 'a/small.txt': 'y' })
  const args = [
    '--base',
    `a=${folder}/a`,
    '--manifest',
    `${folder}/m.json`,
    '--refresh',
    '0',
    '--serve-reports'
  ]
  const service = await Service.start(args)
  t.teardown(() => service.stop('SIGKILL'))
  await service.rebuild()
  const { hostname, port } = new URL(service.url)
  const begin = async () => {
    const socket = connect(Number(port), hostname)
    socket.write('GET /reports/a/big.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    await new Promise((resolve) => socket.once('readable', resolve))
    return socket
  }
  for (const path of ['a/%zz', 'a/%ff.md'])
    t.equal((await fetch(`${service.url}/reports/${path}`)).status, 404)
  for (let i = 0; i < 300; i++) (await begin()).destroy()
  await Promise.all(Array.from({ length: 40 }, () => fetch(`${service.url}/reports/a/small.txt`)))
  for (const line of service.stderr.split('\n').filter(Boolean))
    t.ok(JSON.parse(line), 'the log is JSON alone')
  t.equal(
    (await service.get<string>('/reports-index').then(() => fetch(`${service.url}/reports/a/small.txt`)))
      .status,
    200
  )
  const opened = () => {
    const [opener] = execFileSync('pgrep', ['-P', String(service.child.pid), '-f', 'opener-main'])
      .toString()
      .split('\n')
    return fs.readdirSync(`/proc/${opener}/fd`).filter((fd) => isReport(`/proc/${opener}/fd/${fd}`)).length
  }
  await until(() => opened() === 0)
  const socket = await begin()
  const stopped = service.stop()
  let bytes = 0
  for await (const part of socket) bytes += (part as Buffer).length
  t.ok(bytes > 30_000_000, String(bytes))
  t.equal(await stopped, 0)
})

function isReport(fd: string): boolean {
  try {
    return fs.readlinkSync(fd).endsWith('.txt')
  } catch {
    return false
  }
}

t.test('a template makes links, both parts percent-encoded, slashes kept', async (t) => {
  const entry = { base: 'my.base', rel: `ü/a b/100%?&#'"<>.md` }
  t.equal(
    reportLink('https://mc.example/r/{base}/{rel}?x={base}', entry),
    "https://mc.example/r/my.base/%C3%BC/a%20b/100%25%3F%26%23'%22%3C%3E.md?x=my.base"
  )
  t.equal(reportLink('/r/{rel}', { base: 'a', rel: '{base}/$&.md' }), '/r/%7Bbase%7D/%24%26.md')
})

t.test('whatever a report is called, its link leads to it, or there is none', async (t) => {
  const parts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1 })
  const halves = fc.constantFrom('\ud800', '\udbff', '\udc00', '\udfff', '\udc00\ud800')
  const named = fc.property(parts, fc.option(halves), fc.nat(20), (names, half, at) => {
    const whole = names.join('/')
    const rel = half === null ? whole : `${whole.slice(0, at)}${half}${whole.slice(at)}`
    const link = reportLink('/{base}/{rel}', { base: 'a', rel })
    const encoded = encodeRel(rel)
    if (link === undefined) return /\p{Surrogate}/u.test(rel)
    return link === `/a/${encoded}` && encoded.split('/').map(decodeURIComponent).join('/') === rel
  })
  t.doesNotThrow(() => fc.assert(named))
})
