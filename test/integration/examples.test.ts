import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { readSettings, settingNames, type Texts, wordsOf } from '../../src/services/settings.js'
import { packageRoot } from '../../src/surroundings.js'
import { CLI, plant, type Ran, Service, scratch, until } from '../support.js'

const EXAMPLES = join(packageRoot, 'examples')

function example(path: string): string {
  return fs.readFileSync(join(EXAMPLES, path), 'utf8')
}

/** Whether a program is installed; Debian keeps some where only root looks for them. */
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`
function has(program: string): boolean {
  return PATH.split(':').some((folder) => fs.existsSync(join(folder, program)))
}

/** Runs a program to its end. */
function finish(
  program: string,
  args: string[],
  { input = '', ...options }: { env: NodeJS.ProcessEnv; cwd?: string; input?: string }
): Promise<Ran> {
  const child = spawn(program, args, options)
  child.stdin.on('error', () => {}) // it may end without having read
  child.stdin.end(input)
  const ran: Ran = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (ran.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (ran.stderr += data.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...ran, code }))
  })
}

async function service(
  t: Test,
  folder: string,
  args: string[] = [],
  env: NodeJS.ProcessEnv = {}
): Promise<Service> {
  const own = ['--base', `a=${folder}/a`, '--manifest', join(folder, 'state/m.json'), '--refresh', '0']
  const started = await Service.start([...own, ...args], env)
  t.teardown(() => started.stop())
  return started
}

// All examples

const examples = fs
  .readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((path) => fs.statSync(join(EXAMPLES, path)).isFile() && !/__pycache__|\.venv/.test(path))

t.test('examples name only settings that there are', async (t) => {
  const known = new Set([...settingNames.map((name) => wordsOf(name).env), 'REPORTS_INDEX_URL']) // where a client asks
  for (const path of examples) {
    for (const [name] of example(path).matchAll(/\bREPORTS_INDEX_[A-Z_]+/g))
      t.ok(known.has(name), `${path}: ${name}`)
  }
})

t.test('the page of examples has a line for each, and its links lead somewhere', async (t) => {
  const page = example('README.md')
  const linked = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path as string)
  for (const path of linked) t.ok(fs.existsSync(join(EXAMPLES, path)), path)
  const folders = new Set(examples.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
  t.strictSame(new Set(linked.map((path) => path.split('/')[0])), folders)
})

/** The settings of an environment, checked as the program does. */
function settingsIn(env: Record<string, string>) {
  const texts: Texts = {}
  for (const [variable, text] of Object.entries(env)) {
    const name = settingNames.find((each) => wordsOf(each).env === variable)
    if (name === undefined) throw new Error(`${variable} is no setting`)
    texts[name] = text
  }
  return readSettings(texts, { cwd: '/', home: '/', samples: '/samples' })
}

// systemd

t.test('the file of settings for systemd has good values, also where they are commented out', async (t) => {
  const lines = [...example('systemd/reports-index.env').matchAll(/^#?([A-Z_]+)=(.*)$/gm)]
  const settings = settingsIn(Object.fromEntries(lines.map(([, name, value]) => [name, value])))
  t.equal(settings.bases.length, 2)
  for (const [, name, value] of lines.filter(([line]) => line.startsWith('#'))) {
    const { default: byDefault = value } = settingNames.map(wordsOf).find(({ env }) => env === name) ?? {}
    t.equal(value, byDefault, `${name} is commented out with its default`)
  }
})

const analyze = has('systemd-analyze') ? false : 'needs systemd-analyze (Debian: systemd)'

t.test('systemd takes the unit, and finds it well closed', { skip: analyze }, async (t) => {
  const unit = join(scratch(t), 'reports-index.service')
  fs.writeFileSync(unit, example('systemd/reports-index.service').replace('/usr/bin/node', process.execPath))
  const ask = (args: string[]) => finish('systemd-analyze', [...args, unit], { env: process.env })
  const verified = await ask(['verify'])
  t.equal(verified.code, 0, verified.stderr)
  t.notMatch(verified.stderr, 'reports-index.service', 'nothing in it is unknown')
  t.match(await ask(['security', '--offline=true', '--threshold=20']), { code: 0 }, 'exposed by 2.0 at most')
})

// nginx

interface Answer {
  status: number | undefined
  headers: http.IncomingHttpHeaders
  body: Buffer
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** A request by a name, which `fetch` does not let be chosen. */
function ask(port: number, path: string, options: http.RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'reports.example', ...(options.headers as http.OutgoingHttpHeaders) }
    const request = http.request(
      { host: '127.0.0.1', port, path, agent: false, ...options, headers },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('end', () =>
          resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) })
        )
        answer.on('error', reject)
      }
    )
    request.on('error', reject).end()
  })
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.on('exit', resolve))
  if (child.exitCode === null && child.kill()) await exit
}

/** The example's own text in front of a service; gives its port. */
async function nginx(t: Test, { url }: Service, change = (text: string) => text): Promise<number> {
  const folder = scratch(t)
  const port = await freePort()
  const site = change(example('nginx/reports-index.conf'))
    .replace('server 127.0.0.1:3000;', `server ${new URL(url).host};`)
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`
  )
  // It compresses, as many a site has it.
  const http = `access_log off; gzip on; gzip_types *; gzip_proxied any; ${temporary.join(' ')} include site.conf;`
  plant(folder, {
    'site.conf': site,
    'nginx.conf': `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {} http { ${http} }`
  })
  const child = spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', 'nginx.conf'], {
    env: { ...process.env, PATH }
  })
  let log = ''
  child.stderr.on('data', (data: Buffer) => (log += data.toString()))
  t.teardown(() => ended(child))
  await until(async () => {
    if (child.exitCode !== null) throw new Error(log)
    return await ask(port, '/ready').then(
      () => true,
      () => false
    )
  })
  return port
}

const skipNginx = has('nginx') ? false : 'needs nginx (Debian: nginx-light)'

t.test('nginx passes tags and codings on as they are', { skip: skipNginx }, async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => [`a/${i}.md`, `# Report ${i}`])
  const folder = scratch(t, Object.fromEntries(many))
  const behind = await service(t, folder, ['--allowed-host', 'reports.example'])
  await behind.rebuild()
  const port = await nginx(t, behind)
  const whole = await ask(port, '/reports-index')
  t.equal(whole.status, 200)
  t.equal(whole.headers.etag, `"${createHash('sha256').update(whole.body).digest('hex')}"`)
  for (const coding of ['identity', 'gzip', 'br']) {
    const first = await ask(port, '/reports-index', { headers: { 'accept-encoding': coding } })
    const direct = await fetch(`${behind.url}/reports-index`, { headers: { 'accept-encoding': coding } })
    t.equal(first.headers.etag, direct.headers.get('etag'), `${coding} keeps its tag`)
    t.equal(first.headers['content-encoding'] ?? 'identity', coding)
    if (coding === 'br') t.strictSame(brotliDecompressSync(first.body), whole.body)
    const headers = { 'accept-encoding': coding, 'if-none-match': first.headers.etag }
    const again = await ask(port, '/reports-index', { headers })
    t.match(again, { status: 304, headers: { etag: first.headers.etag } })
    t.equal(again.body.length, 0)
  }
  const small = await ask(port, '/reports-index?limit=3', { headers: { 'accept-encoding': 'gzip' } })
  t.match(small.headers.etag, /^"/, 'what the service does not compress is left as it is')
  t.match(await ask(port, `/reports-index?q=${'x'.repeat(8000)}`), { status: 200 }, 'a long URL')
  t.match(await ask(port, '/reports-index?q=%zz'), { status: 400 }, 'a URL is passed on as it was written')
})

t.test('nginx lets an event through when it comes', { skip: skipNginx }, async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const behind = await service(t, folder, ['--allowed-host', 'reports.example'])
  await behind.rebuild()
  const port = await nginx(t, behind)
  let text = ''
  const stream = http.get(
    {
      host: '127.0.0.1',
      port,
      path: '/reports-index/events',
      headers: { host: 'reports.example', 'accept-encoding': 'gzip, deflate, br' }, // as browsers ask
      agent: false
    },
    (answer) => {
      answer.on('data', (data: Buffer) => (text += data.toString()))
      answer.on('error', () => {})
    }
  )
  stream.on('error', () => {})
  t.teardown(() => stream.destroy())
  await until(() => text.includes('"count":1'))
  plant(folder, { 'a/two.md': '# Two' })
  const built = await ask(port, '/rebuild', { method: 'POST' })
  t.equal(built.status, 200, built.body.toString())
  const { etag } = JSON.parse(built.body.toString())
  await until(() => text.includes(`id: ${etag}\n`))
  t.match(text, '"count":2')
})

t.test(
  'behind nginx only a known name is answered, and rebuilds are for this machine',
  {
    skip: skipNginx
  },
  async (t) => {
    const folder = scratch(t, { 'a/one.md': '# One' })
    const closed = await nginx(t, await service(t, folder))
    t.match(await ask(closed, '/reports-index'), { status: 403, body: /RI_ERR/ }, 'the service says so')
    const behind = await service(t, folder, ['--allowed-host', 'reports.example'])
    const port = await nginx(t, behind)
    t.match(await ask(port, '/reports-index'), { status: 200 })
    const page = { origin: `http://reports.example:${port}`, host: `reports.example:${port}` }
    for (const path of ['/rebuild', '//rebuild', '/%72ebuild', '/x/../rebuild']) {
      const from = { method: 'POST', localAddress: '127.0.0.2' }
      const { status, body } = await ask(port, path, from)
      t.match(
        { status, body: body.toString() },
        { status: 403, body: /nginx/ },
        `${path} from another address`
      )
    }
    t.match(await ask(port, '/rebuild', { method: 'POST', headers: page }), { status: 200 }, 'its own page')
  }
)

t.test('nginx has the token of those whom it lets in', { skip: skipNginx }, async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const tokens = { REPORTS_INDEX_READ_TOKEN: 'for-reading', REPORTS_INDEX_TOKEN: 'for-writers' }
  const behind = await service(t, folder, ['--allowed-host', 'reports.example'], tokens)
  t.match(await ask(await nginx(t, behind), '/reports-index'), { status: 401 })
  const port = await nginx(t, behind, (text) =>
    text.replace(/# (proxy_set_header Authorization "Bearer )READ_TOKEN/, '$1for-reading')
  )
  t.match(await ask(port, '/reports-index'), { status: 200 })
  t.match(await ask(port, '/rebuild', { method: 'POST' }), { status: 401 }, 'it does not open rebuilds')
  const headers = { authorization: 'Bearer for-writers' }
  t.match(await ask(port, '/rebuild', { method: 'POST', headers }), { status: 200 })
})

// The container

/** The stages of a Containerfile: what is copied, what runs, what is set. */
function stagesOf(text: string) {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
  const stages: {
    copies: string[][]
    runs: string[]
    env: [string, string][]
    cmd: string[]
    health: string[]
  }[] = []
  for (const line of lines) {
    const [, word, rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    if (word === 'FROM') stages.push({ copies: [], runs: [], env: [], cmd: [], health: [] })
    const stage = stages.at(-1)
    if (word === 'COPY') stage?.copies.push(rest.split(' ').filter((part) => !part.startsWith('--')))
    if (word === 'RUN') stage?.runs.push(rest)
    if (word === 'ENV')
      stage?.env.push(...rest.split(' ').map((pair) => pair.split(/=(.*)/) as [string, string]))
    if (word === 'CMD' && stage) stage.cmd = JSON.parse(rest)
    if (word === 'HEALTHCHECK' && stage) stage.health = JSON.parse(rest.replace(/^.*? CMD /, ''))
  }
  return stages
}

function copy(from: string, to: string, copies: string[][]): void {
  for (const parts of copies) {
    const target = parts.at(-1) as string
    for (const source of parts.slice(0, -1)) {
      const path = join(to, target.endsWith('/') ? join(target, source.split('/').at(-1) as string) : target)
      fs.mkdirSync(dirname(path), { recursive: true })
      fs.cpSync(join(from, source), path, { recursive: true })
    }
  }
}

t.test('what the image copies is there, is enough to build, and runs without a package', async (t) => {
  const [build, final] = stagesOf(example('container/Containerfile'))
  if (!build || !final) throw new Error('two stages are wanted')
  const folder = scratch(t, { 'reports/one.md': '# One' })
  const there = join(folder, 'build')
  copy(packageRoot, there, build.copies)
  t.strictSame(build.runs, ['npm ci', 'npm run build'])
  fs.symlinkSync(join(packageRoot, 'node_modules'), join(there, 'node_modules')) // for `npm ci`
  const { NODE_OPTIONS: _, ...env } = process.env
  const built = await finish('npm', ['run', 'build'], { env, cwd: there })
  t.equal(built.code, 0, built.stdout + built.stderr)
  copy(folder, folder, final.copies)
  const inside = (text: string) => text.replace(/(^|=)\/(app|state|reports)\b/, `$1${folder}/$2`)
  const settings = Object.fromEntries(final.env.map(([name, value]) => [name, inside(value)]))
  t.ok(settingsIn(settings), 'what it sets are settings')
  const [program, ...args] = final.cmd.map(inside)
  t.equal(program, 'node', 'no shell stands between it and signals')
  const start = (more: NodeJS.ProcessEnv) => {
    return spawn(process.execPath, args, { cwd: folder, env: { PATH, ...settings, PORT: '0', ...more } })
  }
  const refused = start({})
  let why = ''
  refused.stderr.on('data', (data: Buffer) => (why += data.toString()))
  t.equal(await new Promise((resolve) => refused.on('close', resolve)), 2)
  t.match(why, 'REPORTS_INDEX_TOKEN', 'without a token it does not start')
  const child = start({ REPORTS_INDEX_TOKEN: 'x' })
  t.teardown(() => ended(child))
  let out = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  await until(() => /listening on \S+:\d+\n/.test(out))
  const [, port = ''] = /:(\d+)\n/.exec(out) ?? []
  const health = (at: string) => finish(process.execPath, final.health.slice(1), { env: { PORT: at } })
  t.match(await health(port), { code: 0, stderr: '' }, 'it is healthy')
  const headers = { authorization: 'Bearer x' }
  const landed = await fetch(`http://127.0.0.1:${port}/rebuild`, { method: 'POST', headers })
  t.match(await landed.json(), { count: 1 })
  t.ok(fs.existsSync(join(folder, 'state/reports-index.json')), 'the manifest lies in the volume')
  child.kill()
  t.equal(await new Promise((resolve) => child.on('exit', resolve)), 0)
  t.equal((await health(port)).code, 1, 'it is not healthy any more')
})

t.test('the compose file fits the image', async (t) => {
  const compose = parse(example('container/compose.yaml'))
  const { build, environment, volumes, read_only } = compose.services['reports-index']
  const root = join(EXAMPLES, 'container', build.context)
  t.equal(fs.readFileSync(join(root, build.dockerfile), 'utf8'), example('container/Containerfile'))
  t.equal(join(root), join(packageRoot), 'it is built from the checkout')
  t.ok(environment.REPORTS_INDEX_TOKEN)
  t.equal(read_only, true)
  const targets = volumes.map((each: string | { target: string }) =>
    typeof each === 'string' ? each.split(':')[1] : each.target
  )
  t.strictSame(targets, ['/state', '/reports'])
  t.ok('state' in compose.volumes, 'the volume is declared')
})

// cron

const crontab = example('crontab/crontab')

/** The command of a line, as cron gives it to the shell. */
function cronCommand(word: string): string {
  const [, command = ''] = new RegExp(`^(?:\\S+ ){5}(.* ${word}\\b.*)$`, 'm').exec(crontab) ?? []
  return command
    .replaceAll('/usr/bin/node', process.execPath)
    .replaceAll('/opt/reports-index/dist/cli.js', CLI)
}

t.test('the lines for cron run with what cron gives them', async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const variables = [...crontab.matchAll(/^([A-Z_]+)=(?:"(.*)"|(.*))$/gm)].map(
    ([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']
  )
  const { MAILTO, ...set } = Object.fromEntries(variables)
  t.ok(MAILTO)
  t.equal(settingsIn(set).bases.length, 2)
  const env = {
    PATH: '/usr/bin:/bin',
    REPORTS_INDEX_BASES: `a=${folder}/a`,
    REPORTS_INDEX_MANIFEST: join(folder, 'state/m.json')
  }
  const build = cronCommand('build')
  t.notMatch(build, '%')
  t.match(
    await finish('/bin/sh', ['-c', build], { env }),
    { code: 0, stdout: '', stderr: '' },
    'nothing to mail'
  )
  t.match(fs.readFileSync(join(folder, 'state/m.json'), 'utf8'), '"One"')
  fs.rmSync(join(folder, 'state'), { recursive: true })
  plant(folder, { state: 'a file' })
  const failed = await finish('/bin/sh', ['-c', build], { env })
  t.equal(failed.code, 1)
  t.not(failed.stderr, '', 'what failed is mailed')
})

const verifies = execFileSync(process.execPath, [CLI, '--help']).includes('verify')

t.test(
  'the nightly line tells where the service and the disks differ',
  {
    skip: verifies ? false : 'needs reports-index verify'
  },
  async (t) => {
    const folder = scratch(t, { 'a/one.md': '# One' })
    const running = await service(t, folder)
    await running.rebuild()
    const line = cronCommand('verify').replace('http://127.0.0.1:3000', running.url)
    const env = {
      PATH: '/usr/bin:/bin',
      REPORTS_INDEX_BASES: `a=${folder}/a`,
      REPORTS_INDEX_MANIFEST: join(folder, 'state/m.json')
    }
    t.match(await finish('/bin/sh', ['-c', line], { env }), { stdout: '', stderr: '' })
    plant(folder, { 'a/two.md': '# Two' })
    t.match((await finish('/bin/sh', ['-c', line], { env })).stdout, 'two.md')
  }
)

// The writers

const WRITERS: [program: string, path: string, needs: string][] = [
  ['sh', 'writer/write-report.sh', 'curl'],
  ['python3', 'writer/write_report.py', 'python3']
]

for (const [program, path, needs] of WRITERS) {
  const skip = has(needs) ? false : `needs ${needs}`
  t.test(`${path} writes reports, and they are listed`, { skip }, async (t) => {
    const folder = scratch(t, { 'a/': '' })
    const behind = await service(t, folder, ['--token', 'to"ken\\'])
    const write = (rel: string, env: NodeJS.ProcessEnv, root = join(folder, 'a'), base = 'a') =>
      finish(program, [join(EXAMPLES, path), base, root, rel], {
        env: { PATH, ...env },
        input: `# Of ${rel}\n`
      })
    const env = { REPORTS_INDEX_URL: behind.url, REPORTS_INDEX_TOKEN: 'to"ken\\' }
    const names = [
      'plain.md',
      'a folder/new one.md',
      'Prüfung "heute".md',
      "it's \\ $HOME `id`.md",
      '-n -- %s.md'
    ]
    for (const rel of names) {
      t.match(await write(rel, env), { code: 0, stdout: '', stderr: '' }, rel)
      const { reports } = await behind.listing()
      t.ok(
        reports.some((report) => report.rel === rel),
        `${rel} is listed when it returns`
      )
    }
    t.match(await write('plain.md', env), { code: 0 }, 'written anew')
    const left = fs.readdirSync(join(folder, 'a'), { recursive: true, encoding: 'utf8' })
    t.strictSame(left.toSorted(), [...names, 'a folder'].toSorted(), 'nothing else is left')

    const untold = await write('untold.md', { ...env, REPORTS_INDEX_TOKEN: 'another' })
    t.match(untold, { code: 1, stderr: /untold\.md is written, but the service could not be told: .*401/s })
    t.match(await write('alone.md', { ...env, REPORTS_INDEX_TOKEN: '' }), { code: 1, stderr: /401/ })
    const nobody = { ...env, REPORTS_INDEX_URL: 'http://127.0.0.1:1' }
    t.match(await write('down.md', nobody), { code: 1, stderr: /down\.md is written, but/ })
    t.match(await write('x.md', env, join(folder, 'a'), 'b'), { code: 1, stderr: /400/ }, 'an unknown base')
    for (const rel of ['../out.md', '/out.md', 'a//b.md', 'b/../../out.md', ''])
      t.not((await write(rel, env)).code, 0, `${rel} is refused`)
    t.notOk(fs.existsSync(join(folder, 'out.md')))
    t.match(await write('new.md', env, join(folder, 'away')), { code: 1, stderr: /the base is not there/ })
    t.notOk(fs.existsSync(join(folder, 'away')), 'a base is never made')
    t.match(await write('a folder', env), { code: 1 }, 'a folder is in its place')
    t.strictSame(fs.readdirSync(join(folder, 'a/a folder')), ['new one.md'])
    const { stderr } = await finish(program, [join(EXAMPLES, path)], { env: { PATH } })
    t.match(stderr, 'usage: ')
  })

  t.test(`${path} needs no token where none is set`, { skip }, async (t) => {
    const folder = scratch(t, { 'a/': '' })
    const behind = await service(t, folder)
    const args = [join(EXAMPLES, path), 'a', join(folder, 'a'), 'one.md']
    const ran = await finish(program, args, {
      env: { PATH, REPORTS_INDEX_URL: behind.url },
      input: '# One'
    })
    t.match(ran, { code: 0, stderr: '' })
    t.equal((await behind.listing()).count, 1)
  })
}

t.test('the shell writer is a good script', async (t) => {
  const path = join(EXAMPLES, 'writer/write-report.sh')
  t.match(await finish('sh', ['-n', path], { env: { PATH } }), { code: 0, stderr: '' })
  t.ok(fs.statSync(path).mode & 0o100, 'it can be run as it stands')
})
