import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  execFileSync,
  type SpawnOptionsWithoutStdio,
  spawn
} from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Health } from '../src/schemas/health.js'
import type { Listing } from '../src/schemas/listing.js'
import type { BuildResult } from '../src/schemas/rebuild.js'
import { readSettings, type Settings, type Texts } from '../src/services/settings.js'
import { packageRoot } from '../src/surroundings.js'

export const CLI = fileURLToPath(new URL('../src/cli.js', import.meta.url))

/** Starts Node without what the test runner preloads into all that is started: a process starts twice as fast. */
export function spawnNode(
  args: readonly string[],
  options: SpawnOptionsWithoutStdio
): ChildProcessWithoutNullStreams {
  return spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], options)
}

/**
 * A folder for a test that has processes at work in it: they may still write while it is removed, which the fixtures of
 * the test runner take for a failure.
 */
export function scratch(t: { teardown(undo: () => void): void }, files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'reports-index-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  plant(folder, files)
  return folder
}

/** Writes files below a folder; a trailing slash makes a folder. */
export function plant(root: string, files: Record<string, string | Buffer>): void {
  for (const [rel, content] of Object.entries(files)) {
    const path = join(root, rel)
    mkdirSync(rel.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!rel.endsWith('/')) writeFileSync(path, content)
  }
}

/** Settings over folders, with a manifest outside them; no schedule, a free port, a silent log. */
export function settingsFor(folder: string, bases: readonly string[], texts: Texts = {}): Settings {
  const around = { cwd: folder, home: folder, samples: join(packageRoot, 'samples') }
  const named = bases.map((name) => `${name}=${join(folder, name)}`).join(',')
  const quiet = { refresh: '0', port: '0', logLevel: 'silent', manifest: join(folder, 'state/m.json') }
  return readSettings({ bases: named, ...quiet, ...texts }, around)
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command line to its end. */
export function run(args: string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Promise<Ran> {
  const child = spawnNode([CLI, ...args], { env: { ...process.env, ...env }, cwd })
  child.stdin.end()
  const ran: Ran = { code: null, stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (ran.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (ran.stderr += data.toString()))
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...ran, code })))
}

/** A running service in a process of its own. */
export class Service {
  readonly url: string
  readonly child: ChildProcess
  stderr = ''

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
  }

  static async start(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Service> {
    const child = spawnNode([CLI, 'serve', '--port', '0', ...args], { env: { ...process.env, ...env } })
    let stderr = ''
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    const url = await new Promise<string>((resolve, reject) => {
      let stdout = ''
      child.stdout.on('data', (data: Buffer) => {
        stdout += data.toString()
        const found = /listening on (\S+)\n/.exec(stdout)
        if (found?.[1]) resolve(found[1])
      })
      child.on('exit', (code) => reject(new Error(`the service ended with ${code}: ${stderr}`)))
    })
    const service = new Service(child, url)
    service.stderr = stderr
    child.stderr.on('data', (data: Buffer) => (service.stderr += data.toString()))
    return service
  }

  async get<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path)).json()) as T
  }

  listing(): Promise<Listing> {
    return this.get('/reports-index')
  }

  health(): Promise<Health> {
    return this.get('/health')
  }

  async rebuild(body?: object): Promise<BuildResult> {
    const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await fetch(`${this.url}/rebuild`, { method: 'POST', ...json })
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status })
    return (await answer.json()) as BuildResult
  }

  /** Ends the process; resolves with its exit code, or the signal that killed it. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      return Promise.resolve(this.child.exitCode ?? this.child.signalCode)
    }
    return new Promise((resolve) => {
      this.child.on('exit', (code, by) => resolve(code ?? by))
      this.child.kill(signal)
    })
  }
}

/** Waits until something holds; for what another process does by itself. */
export async function until(holds: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not so within ${limitMs} ms: ${String(holds)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Whether a process has ended, also where nobody has asked for its exit code yet. */
export function hasEnded(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

/** The processes that a process started. */
export function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

/** Whether system calls can be counted here. */
export function hasStrace(): boolean {
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
