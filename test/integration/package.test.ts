import { execFile, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { packageRoot } from '../../src/surroundings.js'
import { plant, scratch } from '../support.js'

const execute = promisify(execFile)

/** What is published, and nothing else: the programs and the library, with their types; the samples; what tells of them. */
const PUBLISHED = [
  /^dist\/(?:app|cli|builder-main|looker-main|opener-main|renderer-main|probe-main)\.js$/,
  /^dist\/chunk-[A-Z0-9]+\.js$/,
  /^dist\/(?:[\w-]+\/)*[\w-]+\.(?:js|d\.ts)$/,
  /^dist\/(?:page\.html|LICENSES\.txt|commit\.txt)$/,
  /^samples\/(?!_state)/,
  /^examples\/(?:[\w-]+\/)*[\w.-]+$/,
  /^(?:CHANGELOG\.md|LICENSE|README\.md|openapi\.yaml|package\.json)$/
]
const NEEDED = [
  'app.js',
  'app.d.ts',
  'cli.js',
  'page.html',
  'LICENSES.txt',
  'commit.txt',
  'client/index.js',
  'client/index.d.ts',
  'builder-main.js',
  'looker-main.js',
  'opener-main.js',
  'renderer-main.js',
  'probe-main.js'
].map((name) => `dist/${name}`)

/** As a user has it: nothing of what runs these tests. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_OPTIONS$|TAP|INIT_CWD$)/i.test(name))
)

t.test('the package installs, runs and goes, in an empty folder', async (t) => {
  const folder = scratch(t, { 'here/package.json': '{"private":true,"type":"module"}', 'a/one.md': '# One' })
  const npm = async (args: string[], cwd: string) =>
    (await execute('npm', args, { cwd, env, maxBuffer: 1 << 26 })).stdout
  const packed = await npm(['pack', '--json', '--silent', '--pack-destination', folder], packageRoot)
  const [{ filename, files, size }] = JSON.parse(packed.slice(packed.indexOf('['))) as [
    { filename: string; size: number; files: { path: string }[] }
  ]
  const paths = files.map(({ path }) => path)
  for (const path of paths)
    t.ok(
      PUBLISHED.some((known) => known.test(path)),
      path
    )
  for (const path of NEEDED) t.ok(paths.includes(path), path)
  t.ok(size < 4_000_000, `${size} bytes`)
  t.notMatch(
    readFileSync(join(packageRoot, 'dist/page.html'), 'utf8'),
    /sourceMappingURL|https?:\/\/(?!www\.w3\.org)/
  )

  const here = join(folder, 'here')
  try {
    await npm(
      ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, basename(filename))],
      here
    )
  } catch (error) {
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT/.test(String(error))) throw error
    t.comment('the registry is out of reach: not installed')
    return
  }
  const npx = async (...args: string[]) => await npm(['exec', '--no', '--', 'reports-index', ...args], here)
  const flags = ['--base', `a=${folder}/a`, '--manifest', `${folder}/m.json`]
  t.match(await npx('build', ...flags), /^1 reports: 1 added/)
  t.match(JSON.parse(await npx('list', '--json', ...flags)), { total: 1, reports: [{ title: 'One' }] })
  t.match(await npx('verify', ...flags), /^STATUS OK: /)
  t.match(await npx('--version'), /^\d+\.\d+\.\d+\n$/)

  const service = spawn(
    join(here, 'node_modules/.bin/reports-index'),
    ['--port', '0', '--serve-reports', ...flags],
    { env, cwd: here }
  )
  t.teardown(() => service.kill('SIGKILL'))
  const ended = new Promise((resolve) => service.on('exit', resolve))
  const url = await new Promise<string>((resolve) => {
    service.stdout.on('data', (data: Buffer) => resolve(String(data).trim().split(' ').at(-1) as string))
  })
  const get = async (path: string) => await (await fetch(url + path)).text()
  t.match(await get('/'), /<title>Reports<\/title>/)
  t.match(await get('/reports/a/one.md?view=rendered'), /<h1 id="one">One<\/h1>/)
  plant(here, {
    'use.js': `import app from 'reports-index'
import { ReportsIndexClient } from 'reports-index/client'
const { total } = await new ReportsIndexClient({ baseUrl: ${JSON.stringify(url)} }).list()
console.log(typeof app, total)
`
  })
  t.equal((await execute(process.execPath, ['use.js'], { cwd: here, env })).stdout, 'function 1\n')
  service.kill('SIGTERM')
  t.equal(await ended, 0)

  await npm(['uninstall', 'reports-index', '--no-audit', '--no-fund'], here)
  t.notOk(existsSync(join(here, 'node_modules/reports-index')))
  t.notOk(existsSync(join(here, 'node_modules/.bin/reports-index')))
})
