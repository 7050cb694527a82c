import t from 'tap'
import { hostCheck, isFromFriend, isLoopback, originOf } from '../../src/services/door.js'
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

t.test('on loopback it is called by loopback names, and by those that are allowed', async (t) => {
  const takes = hostCheck(settings({ allowedHosts: 'reports.example,::2' }))
  for (const host of [
    'localhost:3000',
    '127.0.0.1',
    '[::1]:80',
    'x.localhost.',
    'Reports.Example:8080',
    '[::2]',
    undefined
  ])
    t.ok(takes(host), String(host))
  for (const host of [
    'evil.example',
    '',
    'localhost:x',
    'localhost@evil',
    '[::1',
    '::1',
    'a.reports.example',
    '0.0.0.0',
    'localhost, evil'
  ])
    t.notOk(takes(host), host)
})

t.test('elsewhere it is called by any name, unless names are given', async (t) => {
  t.ok(hostCheck(settings({ host: '0.0.0.0' }))('anything'))
  const takes = hostCheck(settings({ host: '0.0.0.0', allowedHosts: 'reports.example' }))
  t.notOk(takes('anything'))
  t.ok(takes('reports.example'))
})

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
