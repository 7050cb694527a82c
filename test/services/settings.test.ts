import t from 'tap'
import { checkDoor } from '../../src/services/door.js'
import { readSettings, type Texts } from '../../src/services/settings.js'

const around = { cwd: '/here', home: '/home/me', samples: '/opt/a, b/samples' }

t.test(
  'paths that are absolute need neither a home folder nor a working folder; others name their setting',
  async (t) => {
    const nowhere = { ...around, cwd: undefined, home: undefined }
    const settings = readSettings({ bases: 'a=/x,b=/~/y', manifest: '/m/../n.json' }, nowhere)
    t.match(settings, { bases: [{ root: '/x' }, { root: '/~/y' }], manifest: '/n.json' })
    t.equal(readSettings({}, nowhere).bases[0]?.root, around.samples)
    t.equal(readSettings({ bases: 'a=~/x' }, { ...nowhere, home: '/me' }).bases[0]?.root, '/me/x')
    const wrong: [object, RegExp][] = [
      [
        { bases: 'a=/x,b=~' },
        /^REPORTS_INDEX_BASES \(--base\) has the path "~", but no home folder .* absolute path$/
      ],
      [{ bases: 'b=~/x' }, /^REPORTS_INDEX_BASES \(--base\) has the path "~\/x", but no home/],
      [
        { manifest: '~/m.json' },
        /^REPORTS_INDEX_MANIFEST \(--manifest\) has the path "~\/m.json", but no home/
      ],
      [
        { bases: 'b=x' },
        /^REPORTS_INDEX_BASES \(--base\) has the path "x", but the working folder .* absolute path$/
      ],
      [
        { manifest: './m.json' },
        /^REPORTS_INDEX_MANIFEST \(--manifest\) has the path ".\/m.json", but the working/
      ]
    ]
    for (const [texts, message] of wrong)
      t.throws(() => readSettings(texts, nowhere), { code: 'RI_ERR_SETTING', message })
  }
)
const read = (texts: Texts) => readSettings(texts, around)

t.test('without any setting the samples are served on loopback', async (t) => {
  t.strictSame(read({}), {
    bases: [{ name: 'samples', root: '/opt/a, b/samples' }],
    manifest: '/opt/a, b/samples/_state/reports-index.json',
    refreshMs: 300_000,
    include: ['**/*.{md,markdown,html,htm,txt,pdf}'],
    exclude: [],
    concurrency: 32,
    timeoutMs: 30_000,
    rereadMs: 86_400_000,
    maxDrop: 0.5,
    serveReports: true,
    corsOrigins: [],
    allowedHosts: [],
    host: '127.0.0.1',
    port: 3000,
    logLevel: 'info',
    samples: true
  })
})

t.test('bases: several, home folder, relative, commas and equal signs in paths', async (t) => {
  t.strictSame(read({ bases: ' cloud=~/x ,w.s_1-=rel/dir, eq=/a=b, comma=/a\\,b,h=~,' }).bases, [
    { name: 'cloud', root: '/home/me/x' },
    { name: 'w.s_1-', root: '/here/rel/dir' },
    { name: 'eq', root: '/a=b' },
    { name: 'comma', root: '/a,b' },
    { name: 'h', root: '/home/me' }
  ])
  t.equal(read({ bases: 'a=/x' }).manifest, '/x/_state/reports-index.json')
  t.equal(read({ bases: 'a=/x', manifest: '~/m.json' }).manifest, '/home/me/m.json')
})

t.test('durations, shares, lists', async (t) => {
  t.match(
    read({ refresh: '0', timeout: '1500ms', maxDrop: '12.5%', include: '*.{a,b}, c/**', exclude: '' }),
    {
      refreshMs: 0,
      timeoutMs: 1500,
      maxDrop: 0.125,
      include: ['*.{a,b}', 'c/**'],
      exclude: []
    }
  )
  t.match(read({ refresh: '0s' }), { refreshMs: 0 })
  t.match(read({ refresh: '2h' }), { refreshMs: 7_200_000 })
  t.match(read({ maxDrop: '100%' }), { maxDrop: 1 })
})

t.test('reports are served where the samples are, or where it is said', async (t) => {
  t.equal(read({ bases: 'a=/x' }).serveReports, false)
  t.equal(read({ bases: 'a=/x', serveReports: 'true' }).serveReports, true)
  t.equal(read({ serveReports: 'false' }).serveReports, false)
  const two = { bases: 'a=/x,b=/y', reportUrl: '/r/{rel}' }
  t.throws(() => read(two), /REPORT_URL .*and \{base\} where there are several bases/)
  t.equal(read({ ...two, reportUrl: '/r/{base}/{rel}' }).reportUrl, '/r/{base}/{rel}')
  for (const reportUrl of [
    'https://mc.example/reports/{base}/{rel}',
    'http://h:1/{rel}?b={base}#x',
    '/r/{rel}'
  ])
    t.equal(read({ reportUrl }).reportUrl, reportUrl)
})

t.test('a bad value is named with its setting and what is allowed, in one line', async (t) => {
  const bad: [keyof Texts, ...string[]][] = [
    ['bases', 'x', '=x', 'a=', 'a=/x,a=/y', 'a b=/x', `${'a'.repeat(65)}=/x`, 'a=/x,b', ',', 'a=/x\0'],
    ['manifest', '', '/x/', '.', '..', '/x/..'],
    ['serveReports', '', 'yes', '1', 'TRUE', ' true'],
    [
      'reportUrl',
      '',
      'javascript:alert({rel})',
      '//evil/{rel}',
      '/\\evil/{rel}',
      'mc.example/{rel}',
      'https://mc.example/{base}',
      'https://mc.example/{rel}/{title}',
      'https:///{rel}',
      '/a b/{rel}',
      'https://me:hush@mc.example/{rel}',
      'https://{base}.example/{rel}'
    ],
    ['refresh', '5', '5 m', '-5m', '5d', 'm', '1.5h', '50ms', '577h', '99999999999h'],
    ['include', '', ' ', ',', ' , '],
    ['concurrency', '0', '-1', '1.5', 'x', '513', ''],
    ['timeout', '0', '0s', '99ms', '25h'],
    ['maxDrop', '50', '101%', '-1%', '100.5%', '%'],
    [
      'corsOrigins',
      '*',
      'null',
      'dash.example',
      'https://a/b',
      'https://u@a',
      'ftp://a',
      'https://a?x',
      'https://a b'
    ],
    ['allowedHosts', 'a/b', '*', 'a:80', 'http://a'],
    ['host', '', 'a b'],
    ['port', '-1', '65536', 'x', '80.5'],
    ['logLevel', 'loud', 'INFO', '']
  ]
  for (const [name, ...texts] of bad) {
    for (const text of texts) {
      t.throws(
        () => read({ [name]: text }),
        { code: 'RI_ERR_SETTING', message: /^\w+ \(--[a-z-]+\) is ".*"; allowed: [^\n]+$/ },
        `${name} ${JSON.stringify(text)}`
      )
    }
  }
})

t.test('a bad token is named, but not shown', async (t) => {
  for (const name of ['token', 'readToken'] as const) {
    for (const text of ['', 'a b', 'tök', 'a\n']) {
      t.throws(() => read({ [name]: text }), {
        message: /_TOKEN \(--(read-)?token\) is something that is not shown here; /
      })
    }
  }
  t.match(read({ token: 's3cret', readToken: '~!' }), { token: 's3cret', readToken: '~!' })
})

t.test('origins and names are taken in the form that browsers send', async (t) => {
  t.match(
    read({
      corsOrigins: 'HTTPS://Dash.Example:443/, http://localhost:8080',
      allowedHosts: 'Reports.Example., [::2], 10.0.0.1'
    }),
    {
      corsOrigins: ['https://dash.example', 'http://localhost:8080'],
      allowedHosts: ['reports.example', '::2', '10.0.0.1']
    }
  )
})

t.test('only loopback can be served without a token', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', 'x.localhost'])
    t.doesNotThrow(() => checkDoor(read({ host })), host)
  for (const host of ['0.0.0.0', '::', 'example.org', '192.168.1.1', 'localhost.example']) {
    t.throws(
      () => checkDoor(read({ host })),
      { code: 'RI_ERR_SETTING', message: /^HOST \(--host\) is ".*"; allowed: .*REPORTS_INDEX_TOKEN/ },
      host
    )
    t.doesNotThrow(() => checkDoor(read({ host, token: 't' })), host)
  }
})
