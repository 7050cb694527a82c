import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Listing } from '../../src/schemas/listing.js'
import { CLI, run, scratch, until } from '../support.js'

const FULL = '/dev/full'
const noFull = !fs.existsSync(FULL) && `needs ${FULL}`

const FILES = { 'a/one.md': '# One', 'a/two.md': '# Two' }

function stage(t: Test) {
  const folder = scratch(t, FILES)
  const bases = ['--base', `a=${join(folder, 'a')}`]
  return { folder, bases, args: [...bases, '--manifest', join(folder, 's/m.json')] }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

type Output = 'full' | 'closed' | 'pipe'

/** Starts a service whose output goes nowhere: what it prints can not tell where it listens. */
async function serveInto(t: Test, args: string[], stdout: Output, stderr: Output) {
  const port = await freePort()
  const full = fs.openSync(FULL, 'w')
  const to = (output: Output) => (output === 'full' ? full : 'pipe')
  const service = spawn(
    'env',
    ['-u', 'NODE_OPTIONS', process.execPath, CLI, 'serve', '--port', String(port), ...args],
    { stdio: ['ignore', to(stdout), to(stderr)] }
  )
  t.teardown(() => service.kill('SIGKILL'))
  fs.closeSync(full)
  const told = { stderr: '' }
  service.stderr?.on('data', (data: Buffer) => (told.stderr += data.toString()))
  if (stdout === 'closed') service.stdout?.destroy()
  if (stderr === 'closed') service.stderr?.destroy()
  const ended = new Promise<number | string | null>((resolve) =>
    service.on('exit', (code, signal) => resolve(code ?? signal))
  )
  return { url: `http://127.0.0.1:${port}`, told, ended, service }
}

t.test('a service whose output nobody can have is served all the same', { skip: noFull }, async (t) => {
  const wheres: [Output, Output, RegExp][] = [
    ['full', 'pipe', /the address http:\S+ could not be written to standard output \(ENOSPC\)/],
    ['full', 'full', /^$/],
    ['closed', 'pipe', /could not be written to standard output \(EPIPE\)/],
    ['closed', 'closed', /^$/],
    ['closed', 'full', /^$/]
  ]
  for (const [stdout, stderr, line] of wheres) {
    const { args } = stage(t)
    const { url, told, ended, service } = await serveInto(t, args, stdout, stderr)
    const name = `output ${stdout}, log ${stderr}`
    await until(async () => service.exitCode !== null || (await isReady(url)))
    t.equal(service.exitCode, null, name)
    t.equal(((await (await fetch(`${url}/reports-index`)).json()) as Listing).count, 2)
    t.equal((await fetch(`${url}/rebuild`, { method: 'POST' })).status, 200)
    t.match(told.stderr, line, name)
    service.kill('SIGTERM')
    t.equal(await ended, 0, name)
  }
})

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/ready`).then(
    ({ ok }) => ok,
    () => false
  )
}

/** Runs a shell line in which `"$@"` is the program. */
function shell(line: string, args: string[] = []): SpawnSyncReturns<string> {
  const words = [
    '-u',
    'NODE_OPTIONS',
    'bash',
    '-c',
    `set -o pipefail; ${line}`,
    'bash',
    process.execPath,
    CLI
  ]
  return spawnSync('env', [...words, ...args], { encoding: 'utf8' })
}

t.test('a command whose output finds no room ends with 1 and says so', { skip: noFull }, async (t) => {
  const { args, folder } = stage(t)
  const line = /^reports-index: standard output cannot be written \(ENOSPC\)\n$/
  for (const command of ['build', 'list', 'list --json', 'verify', '--help', '--version'])
    t.match(shell(`"$@" >${FULL}`, [...command.split(' '), ...args]), { status: 1, stderr: line }, command)
  t.ok(fs.existsSync(join(folder, 's/m.json')), 'what is done is done')
})

t.test('whoever reads no further changes nothing of what a command found', async (t) => {
  const { args, folder } = stage(t)
  t.match(shell('"$@" | :', ['build', ...args]), { status: 0, stderr: '' })
  t.match(shell('"$@" | :', ['list', ...args]), { status: 0, stderr: '' })
  t.match(shell('"$@" | :', ['verify', ...args]), { status: 0, stderr: '' })
  fs.writeFileSync(join(folder, 'a/three.md'), '# Three')
  t.match(shell('"$@" | :', ['verify', ...args]), { status: 1 }, 'a difference')
  fs.rmSync(join(folder, 's'), { recursive: true })
  fs.writeFileSync(join(folder, 's'), 'no folder')
  t.match(shell('"$@" | :', ['build', ...args]), { status: 1, stderr: /cannot|can not/ })
})

const noUser =
  spawnSync('unshare', ['--user', '--map-user=12345', 'true']).status !== 0 && 'needs user namespaces'
const ALONE = 'unshare --user --map-user=12345 env -u HOME'

t.test('a user without an entry and a home needs neither', { skip: noUser }, async (t) => {
  const { args } = stage(t)
  t.match(shell(`${ALONE} "$@"`, ['build', ...args]), { status: 0, stdout: /^2 reports/, stderr: '' })
  t.match(shell(`${ALONE} "$@"`, ['list', ...args]), { status: 0, stdout: /One/ })
  const homeless = shell(`${ALONE} "$@"`, ['build', '--base', 'a=~/a'])
  t.match(homeless, { status: 2, stderr: /^reports-index: REPORTS_INDEX_BASES \(--base\) has .*"~\/a".*\n$/ })
})

t.test('~ is an error where HOME names no folder', async (t) => {
  const { folder, bases } = stage(t)
  for (const HOME of ['', 'relative']) {
    const ran = await run(['build', ...bases, '--manifest', `~${folder}/m.json`], { HOME }, folder)
    t.match(ran, {
      code: 2,
      stdout: '',
      stderr: /^reports-index: REPORTS_INDEX_MANIFEST \(--manifest\) .*HOME/
    })
  }
  t.match(await run(['build', ...bases, '--manifest', '~/m.json'], { HOME: folder }), { code: 0 })
  t.ok(fs.existsSync(join(folder, 'm.json')))
})

t.test('a working folder that was removed is missed by relative paths alone', async (t) => {
  const { args, folder } = stage(t)
  const gone = `mkdir "${folder}/gone" && cd "${folder}/gone" && rmdir "${folder}/gone"`
  t.match(shell(`${gone} && "$@"`, ['build', ...args]), { status: 0, stdout: /^2 reports/, stderr: '' })
  t.match(shell(`${gone} && "$@"`, ['verify', ...args]), { status: 0, stdout: /STATUS OK/, stderr: '' })
  const url = await listening(t, `${gone} && exec "$@"`, ['serve', '--port', '0', '--serve-reports', ...args])
  t.equal(((await (await fetch(`${url}/reports-index`)).json()) as Listing).count, 2)
  t.equal((await fetch(`${url}/rebuild`, { method: 'POST' })).status, 200)
  t.equal(await (await fetch(`${url}/reports/a/one.md`)).text(), '# One')
  t.match(shell(`${gone} && "$@"`, ['build', '--base', 'a=a']), {
    status: 2,
    stderr:
      /^reports-index: REPORTS_INDEX_BASES \(--base\) has the path "a", but the working folder was removed.*\n$/
  })
})

/** Starts a service in a shell line that ends with it; its address. */
async function listening(t: Test, line: string, args: string[]): Promise<string> {
  const child = spawn('env', [
    '-u',
    'NODE_OPTIONS',
    'bash',
    '-c',
    line,
    'bash',
    process.execPath,
    CLI,
    ...args
  ])
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  const hear = (data: Buffer) => (said += data.toString())
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  await until(() => child.exitCode !== null || said.includes('listening on'))
  return /listening on (\S+)/.exec(said)?.[1] ?? `nothing: ${said}`
}
