import http, { type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip } from 'node:zlib'
import t, { type Test } from 'tap'
import { digestOf } from '../src/services/etag.js'
import { type House, house, post } from './described.js'
import { plant } from './support.js'

const FILES: Record<string, string> = {
  'a/2026-06-09-audit.md': '---\ntype: audit\n---\n# Weekly audit',
  'a/2026-06-08-plan.md': '---\ntype: plan\ndate: 2026-06-08T23:30:00-02:00\n---\n# Plan of the week',
  'a/old/2025-12-31.md': '# Over',
  'b/2026-06-09-notes.txt': 'Notes',
  'b/audit.html': '<title>Straße &amp; Weg</title><meta name="date" content="2026-01-01">'
}

/** Enough reports for an answer that is worth a coding. */
const MANY = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`a/${i}.md`, `# Report ${i}`]))

async function stage(t: Test, files = FILES, texts = {}): Promise<House> {
  const made = await house(t, files, texts)
  await made.ask(post())
  return made
}

interface Got {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** Asks over a real socket, with these headers and no others. */
function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { headers, method, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) })
      )
    })
    request.on('error', reject).end()
  })
}

async function listen({ server }: House): Promise<string> {
  await server.listen({ port: 0 })
  return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
}

t.test('each parameter lets through what it says', async (t) => {
  const { ask } = await stage(t)
  const table: [string, string[]][] = [
    [
      '',
      ['2026-06-09-notes.txt', '2026-06-09-audit.md', '2026-06-08-plan.md', 'audit.html', 'old/2025-12-31.md']
    ],
    ['base=b', ['2026-06-09-notes.txt', 'audit.html']],
    ['base=b&base=a&base=c&type=plan&type=text', ['2026-06-09-notes.txt', '2026-06-08-plan.md']],
    ['base=c', []],
    ['base=', []],
    ['type=Audit', []],
    ['q=AUDIT', ['2026-06-09-audit.md', 'audit.html']],
    ['q=audit%20strasse', ['audit.html']],
    ['q=old+over', ['old/2025-12-31.md']],
    ['q=nothing', []],
    ['from=2026-06-09', ['2026-06-09-notes.txt', '2026-06-09-audit.md', '2026-06-08-plan.md']],
    ['from=2026-01-01&to=2026-01-01', ['audit.html']],
    ['to=2025-12-31', ['old/2025-12-31.md']],
    ['from=2026-06-10&to=2026-06-09', []],
    [
      'limit=10000&q=%20',
      ['2026-06-09-notes.txt', '2026-06-09-audit.md', '2026-06-08-plan.md', 'audit.html', 'old/2025-12-31.md']
    ]
  ]
  for (const [query, rels] of table) {
    const answer = await ask(`/reports-index?${query}`)
    t.equal(answer.statusCode, 200, query)
    const { total, count, reports, ...rest } = answer.json()
    t.strictSame(new Set(reports.map(({ rel }: { rel: string }) => rel)), new Set(rels), query)
    t.strictSame({ total, count, rest }, { total: rels.length, count: rels.length, rest: {} }, query)
    t.equal(
      answer.headers.etag,
      `"${digestOf(answer.rawPayload)}"`,
      `${query}: the tag is the digest of the answer`
    )
    for (const header of ['last-modified', 'reports-index-source', 'reports-index-checked-at'])
      t.ok(answer.headers[header], header)
    const again = await ask({
      url: `/reports-index?${query}`,
      headers: { 'if-none-match': answer.headers.etag as string }
    })
    t.equal(again.statusCode, 304, query)
    t.equal(again.headers.etag, answer.headers.etag)
  }
})

t.test('what is wrong with a parameter is named', async (t) => {
  const { ask } = await stage(t)
  const table: [string, RegExp][] = [
    ['colour=red', /unknown parameter "colour"/],
    ['Base=a', /unknown parameter "Base"/],
    ['__proto__=a', /unknown parameter "__proto__"/],
    ['constructor=a', /unknown parameter "constructor"/],
    ['=a', /unknown parameter ""/],
    ['limit=0', /"limit" must be >= 1/],
    ['limit=10001', /"limit" must be <= 10000/],
    ['limit=1.5', /"limit"/],
    ['limit=1e3', /"limit"/],
    ['limit=-1', /"limit"/],
    ['limit=+1', /"limit"/],
    ['limit=', /"limit"/],
    ['limit=0x10', /"limit"/],
    ['limit=99999999999999999999', /"limit"/],
    ['limit=1&limit=2', /"limit"/],
    ['from=2026-02-30', /"from" must be a day/],
    ['from=2026-6-1', /"from"/],
    ['to=2026-06-09T10:00:00Z', /"to"/],
    ['to=', /"to"/],
    ['to=today', /"to"/],
    ['from=2026-06-09&from=2026-06-09', /"from" is given more than once/],
    ['q=a&q=b', /"q" is given more than once/],
    ['cursor=a&cursor=b', /"cursor" is given more than once/],
    ['cursor=', /"cursor"/],
    ['cursor=AAAA', /"cursor"/],
    ['q=%FF', /"q" is not percent-encoded/],
    ['base=a&q=%E4', /"q" is not percent-encoded/],
    ['type=%', /"type" is not percent-encoded/]
  ]
  for (const [query, message] of table) {
    const answer = await ask(`/reports-index?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { statusCode: 400, code: /^(FST|RI)_ERR_/, message }, query)
  }
  t.match((await ask('/reports-index/changes')).json(), { statusCode: 400, message: /"since" is missing/ })
  t.match((await ask('/reports-index/changes?since=')).json(), { statusCode: 400, message: /"since"/ })
  t.match((await ask('/reports-index/changes?since=a&since=b')).json(), {
    statusCode: 400,
    message: /"since"/
  })
})

t.test('pages lead through the listing, over a rebuild that changes nothing', async (t) => {
  const { ask } = await stage(t, MANY)
  const whole = (await ask('/reports-index')).json()
  const seen: object[] = []
  let cursor: string | undefined
  do {
    const next = cursor === undefined ? '' : `&cursor=${cursor}`
    const answer = await ask(`/reports-index?limit=7${next}`)
    t.equal(answer.json().total, 40)
    seen.push(...answer.json().reports)
    cursor = answer.json().nextCursor
    await ask(post())
  } while (cursor !== undefined)
  t.strictSame(seen, whole.reports)
})

t.test('a cursor goes on in a new listing, or says that it can not', async (t) => {
  const { ask, folder } = await stage(t)
  const { reports } = (await ask('/reports-index')).json()
  const { nextCursor: cursor } = (await ask('/reports-index?limit=2')).json()
  plant(folder, { 'a/2026-07-01.md': '# New' })
  await ask(post())
  const next = await ask(`/reports-index?limit=1&cursor=${cursor}`)
  t.strictSame([next.json().total, next.json().reports], [6, [reports[2]]])
  plant(folder, { 'a/old/2025-12-31.md': '---\ndate: 2026-08-01\n---\n# Over' })
  await ask(post())
  const gone = await ask(`/reports-index?limit=1&cursor=${cursor}`)
  t.match(gone.json(), { statusCode: 410, code: 'RI_ERR_CURSOR_GONE', message: /begin again/ })
  t.match((await ask(`/reports-index?limit=1&base=a&cursor=${cursor}`)).json(), {
    statusCode: 400,
    message: /filter/
  })
})

t.test('each coding has its own bytes and its own tag', async (t) => {
  const stood = await stage(t, MANY)
  const url = `${await listen(stood)}/reports-index`
  const plain = await get(url)
  t.equal(plain.headers['content-encoding'], undefined)
  const tags = new Set([plain.headers.etag])
  const codings: [string, (bytes: Buffer) => Promise<Buffer>][] = [
    ['gzip', promisify(gunzip)],
    ['br', promisify(brotliDecompress)]
  ]
  for (const [coding, decode] of codings) {
    for (const path of ['', '?q=report%201', '/changes?since=']) {
      const asked = path.endsWith('=')
        ? `${url}${path}${(plain.headers.etag ?? '').replaceAll('"', '')}`
        : url + path
      const coded = await get(asked, { 'accept-encoding': coding })
      t.equal(coded.headers['content-encoding'], path.endsWith('=') ? undefined : coding, path)
      t.equal(coded.headers.vary, 'Accept-Encoding')
      t.equal(coded.headers['content-length'], String(coded.body.length))
      if (path.endsWith('=')) continue
      t.strictSame(await decode(coded.body), (await get(url + path)).body)
      t.ok(coded.body.length < plain.body.length / 2)
      const tag = coded.headers.etag as string
      t.match(tag, /^"[^"]+"$/, 'strong')
      t.notOk(tags.has(tag))
      tags.add(tag)
      const head = await get(url + path, { 'accept-encoding': coding }, 'HEAD')
      t.equal(head.body.length, 0)
      for (const name of ['etag', 'content-length', 'content-encoding', 'vary', 'content-type'])
        t.equal(head.headers[name], coded.headers[name], `HEAD: ${name}`)
      const known = await get(url + path, { 'accept-encoding': coding, 'if-none-match': tag })
      t.match(known, {
        status: 304,
        headers: { etag: tag, vary: 'Accept-Encoding', 'cache-control': 'no-cache' }
      })
      t.equal(known.headers['content-length'], undefined, 'no false length')
      t.equal(known.headers['content-encoding'], undefined)
      t.equal(known.body.length, 0)
      t.equal(
        (await get(url + path, { 'if-none-match': tag })).status,
        200,
        'another coding is another answer'
      )
    }
  }
})

t.test('If-None-Match is compared as RFC 9110 has it', async (t) => {
  const stood = await stage(t)
  const url = `${await listen(stood)}/reports-index`
  for (const path of ['', '?base=a']) {
    const tag = (await get(url + path)).headers.etag as string
    const table: [string, number][] = [
      [tag, 304],
      [`W/${tag}`, 304],
      ['*', 304],
      [`"other", ${tag}`, 304],
      [`"other",W/${tag} , "more"`, 304],
      [`${tag},`, 304],
      ['"other"', 200],
      [tag.replaceAll('"', ''), 200],
      [`"${tag}"`.replace('""', '"x'), 200],
      ['', 200]
    ]
    for (const [header, status] of table) {
      t.equal((await get(url + path, { 'if-none-match': header })).status, status, `${path} ${header}`)
      t.equal((await get(url + path, { 'if-none-match': header }, 'HEAD')).status, status, `HEAD ${header}`)
    }
    const since = { 'if-modified-since': new Date(Date.now() + 1e6).toUTCString() }
    t.equal((await get(url + path, since)).status, 200, 'a date tells too little')
  }
})

t.test('who refuses every coding, and none at all, is told so', async (t) => {
  const { ask, server } = await stage(t, MANY)
  const refused = await ask({ url: '/reports-index', headers: { 'accept-encoding': 'identity;q=0' } })
  t.match(refused.json(), { statusCode: 406, code: 'RI_ERR_NOT_ACCEPTABLE' })
  t.match(refused.headers, { vary: 'Accept-Encoding' })
  t.equal(refused.headers['last-modified'], undefined, 'it tells of no listing')
  const forced = await server.inject({
    url: '/reports-index?base=none',
    headers: { 'accept-encoding': 'gzip, *;q=0' }
  })
  t.equal(forced.headers['content-encoding'], 'gzip', 'even where it is not worth it')
})

t.test('where pages of other origins may read, each answer says that it depends on that', async (t) => {
  const { server, ask } = await stage(t, MANY, { corsOrigins: 'https://dash.example' })
  for (const url of ['/reports-index', '/reports-index?q=report', '/reports-index/changes?since=x']) {
    const answer = await server.inject({ url, headers: { origin: 'https://dash.example' } })
    t.match(answer.headers.vary, /Origin/, url)
    t.equal(answer.headers['access-control-allow-origin'], 'https://dash.example')
  }
  const { headers } = await ask('/reports-index?q=report')
  t.equal(headers.vary, 'Origin, Accept-Encoding')
})

t.test('metrics are told in the form of Prometheus', async (t) => {
  const { ask, folder } = await stage(t)
  plant(folder, { 'a/new.md': '# New' })
  await ask(post())
  await ask('/reports-index')
  await ask({ url: '/reports-index', headers: { 'if-none-match': '*' } })
  await ask('/nowhere')
  const answer = await ask('/metrics')
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const text = answer.body
  for (const line of text.split('\n'))
    t.match(
      line,
      /^(?:$|# (?:HELP|TYPE) [a-z_\d]+ |[a-z_\d]+(?:\{(?:[a-z_]+="[^"]*",?)+\})? (?:[-+.e\d]+|NaN)$)/
    )
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')
        .at(-1)
    )
  t.equal(value('reports_index_listing_entries'), 6)
  t.equal(value('reports_index_base_entries{base="a"}'), 4)
  t.equal(value('reports_index_base_status{base="a",status="ok"}'), 1)
  t.equal(value('reports_index_base_status{base="a",status="suspect"}'), 0)
  t.equal(value('reports_index_manifest_status{status="ok"}'), 1)
  t.ok(value('reports_index_manifest_age_seconds') >= 0)
  t.ok(value('reports_index_listing_bytes') > 100)
  const requests = 'reports_index_http_request_duration_seconds_count'
  t.equal(value(`${requests}{method="GET",route="/reports-index",status_code="200"}`), 1)
  t.equal(value(`${requests}{method="GET",route="/reports-index",status_code="304"}`), 1)
  t.equal(value(`${requests}{method="GET",route="none",status_code="404"}`), 1)
  const listing = (await ask('/reports-index')).rawPayload.length
  const sizes =
    'reports_index_http_response_size_bytes_sum{method="GET",route="/reports-index",status_code="200"}'
  t.equal(value(sizes), listing)
  t.ok(value('reports_index_builds_total{mode="incremental",result="done"}') >= 2)
  t.ok(value('reports_index_build_step_duration_seconds_count{step="scan"}') >= 2)
  t.ok(value('reports_index_files_examined_total{base="a"}') >= 7)
  t.ok(value('reports_index_files_read_total{base="a"}') >= 4)
  t.equal(value('reports_index_builds_total{mode="full",result="failed"}'), 0, 'what has not happened yet')
  t.match(text, /^process_resident_memory_bytes \d/m)
})
