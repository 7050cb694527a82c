import t from 'tap'
import { hostCheck, isCrossSite, isFromFriend, isLoopback, originOf } from '../../src/services/door.js'
import { readSettings } from '../../src/services/settings.js'

const settings = (texts: object) => readSettings(texts, { cwd: '/', home: '/', samples: '/samples' })

t.test('loopback names and addresses', async (t) => {
  for (const host of ['localhost', 'LOCALHOST', 'a.localhost', 'localhost.', '127.0.0.1', '127.9.9.9', '::1'])
    t.ok(isLoopback(host), host)
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '128.0.0.1',
    'localhost.evil',
    'mylocalhost',
    '127.0.0.1.evil',
    '::ffff:1.2.3.4'
  ])
    t.notOk(isLoopback(host), host)
})

t.test('it is called by names that nobody can lead elsewhere, and by those that are allowed', async (t) => {
  for (const host of ['127.0.0.1', '0.0.0.0', 'Inner.Example']) {
    const takes = hostCheck(settings({ host, allowedHosts: 'reports.example,::2' }), 'Machine.local')
    for (const name of [
      host,
      'localhost:3000',
      'LOCALHOST.',
      '127.0.0.1',
      '[::1]:80',
      'machine.local:3000',
      'Reports.Example.:8080',
      '[::2]',
      undefined
    ])
      t.ok(takes(name), String(name))
    for (const name of [
      'evil.example',
      'x.localhost',
      'a0.localhost:3000',
      '',
      ':3000',
      'localhost:x',
      'localhost@evil',
      '[::1',
      '::1',
      '[localhost]',
      '[127.0.0.1]',
      'a.reports.example',
      'machine',
      '127.0.0.1.evil',
      '127.1',
      '2130706433',
      'localhost, evil'
    ])
      t.notOk(takes(name), name)
    for (const address of ['10.1.2.3:3000', '[2001:db8::1]'])
      t.equal(takes(address), !isLoopback(host), `${address} on ${host}`)
  }
})

t.test(
  'a page of another site reads nothing, by whatever request, unless its origin is listed',
  async (t) => {
    const listed = ['https://dash.example']
    for (const site of ['cross-site', 'same-site', 'CROSS-SITE', 'none, cross-site', '']) {
      for (const [mode, dest] of [
        ['no-cors', 'image'],
        ['no-cors', 'empty'],
        ['cors', 'empty'],
        ['navigate', 'iframe'],
        ['navigate', 'object'],
        ['navigate', undefined],
        ['websocket', 'websocket'],
        [undefined, undefined]
      ]) {
        t.ok(isCrossSite({ site, mode, dest }, listed), `${site} ${mode} ${dest}`)
        t.ok(isCrossSite({ site, mode, dest, origin: 'https://evil.example' }, listed))
        t.ok(isCrossSite({ site, mode, dest, origin: 'null' }, listed))
        t.notOk(isCrossSite({ site, mode, dest, origin: 'https://dash.example' }, listed))
      }
      t.notOk(isCrossSite({ site, mode: 'navigate', dest: 'document' }, listed), 'a link is followed')
    }
    for (const site of [undefined, 'same-origin', 'none'])
      t.notOk(isCrossSite({ site, mode: 'cors', dest: 'empty' }, listed))
  }
)

t.test('a page of ours, a listed one, and who is no page may rebuild', async (t) => {
  const listed = ['https://dash.example']
  const friends = [
    {},
    { host: 'localhost:3000' },
    { origin: 'http://localhost:3000', host: 'localhost:3000' },
    { origin: 'https://reports.example', host: 'reports.example' },
    { origin: 'http://reports.example', host: 'reports.example:80' },
    { origin: 'https://dash.example', host: 'localhost', site: 'cross-site' },
    { host: 'localhost', site: 'same-origin' },
    { host: 'localhost', site: 'none' }
  ]
  for (const headers of friends) t.ok(isFromFriend(headers, listed), JSON.stringify(headers))
  const strangers = [
    { origin: 'null', host: 'localhost' },
    { origin: '', host: 'localhost' },
    { origin: 'http://evil.example', host: 'localhost:3000' },
    { origin: 'http://localhost:8080', host: 'localhost:3000' },
    { origin: 'http://localhost', host: 'localhost:3000' },
    { origin: 'https://dash.example.evil', host: 'localhost' },
    { origin: 'http://dash.example', host: 'localhost' },
    { origin: 'http://localhost:3000 http://evil', host: 'localhost:3000' },
    { origin: 'http://undefined' },
    { host: 'localhost', site: 'cross-site' },
    { host: 'localhost', site: 'CROSS-SITE' },
    { host: 'localhost', site: 'none, cross-site' },
    { host: 'localhost', site: 'same-site' }
  ]
  for (const headers of strangers) t.notOk(isFromFriend(headers, listed), JSON.stringify(headers))
})

t.test('an origin is scheme, host and port, and nothing else', async (t) => {
  t.equal(originOf('HTTP://A.example:80/'), 'http://a.example')
  for (const text of [
    'null',
    '',
    'a.example',
    'http://',
    'http://a/b',
    'http://a?b',
    'http://a#b',
    'http://u:p@a',
    'file:///',
    'http://a:99999'
  ])
    t.equal(originOf(text), undefined, text)
})
