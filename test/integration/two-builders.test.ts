import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { dose } from '../dose.js'
import { Mount, noMounts } from '../mount.js'
import { scratch, until } from '../support.js'

const relay = fileURLToPath(new URL('../relay.js', import.meta.url))

/** Why no network namespace can be made here; false where it can. */
function noNamespaces(): string | false {
  try {
    execFileSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs the right to make network namespaces (unshare -n, ip)'
  }
}

/** A service in a network namespace of its own, and what it answers. */
class Apart {
  readonly #child: ChildProcess
  readonly #answers: ((line: string) => void)[] = []
  readonly ready: Promise<string>

  constructor(args: readonly string[]) {
    const command = 'ip link set lo up && exec "$@"'
    const node = ['env', '-u', 'NODE_OPTIONS', process.execPath, relay, ...args]
    this.#child = spawn('unshare', ['-n', 'sh', '-c', command, 'sh', ...node], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
    const lines: Interface = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })
    lines.on('line', (line) => this.#answers.shift()?.(line))
    this.ready = this.#next()
  }

  #next(): Promise<string> {
    return new Promise((resolve) => this.#answers.push(resolve))
  }

  async ask(path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
    this.#child.stdin?.write(`${JSON.stringify([path, init])}\n`)
    const [status, text] = JSON.parse(await this.#next()) as [number, string]
    return { status, text }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.stdin?.end()
    await ended
  }
}

const rebuild = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }

/** Reports that are written and answered for are in all listings afterwards, by whichever of two builders. */
async function race(folder: string, pair: readonly [Apart, Apart], rounds: number) {
  const told = { broken: 0, refused: 0, done: 0 }
  const write = async (own: Apart, other: Apart, name: string) => {
    for (let i = 0; i < rounds / 2; i++) {
      const rel = `${name}-${i}.md`
      fs.writeFileSync(join(folder, 'b', rel), `# ${name} ${i}`)
      const { status } = await own.ask('/rebuild', rebuild)
      if (status !== 200) {
        told.refused++
        continue
      }
      told.done++
      const listings = [await own.ask('/reports-index'), await other.ask('/reports-index')]
      if (!listings.every(({ text }) => text.includes(`"${rel}"`))) told.broken++
    }
  }
  await Promise.all([write(...pair, 'x'), write(pair[1], pair[0], 'y')])
  return told
}

t.test(
  'two builders in two network namespaces on one manifest keep what they answered for',
  { skip: noNamespaces() },
  async (t) => {
    const folder = scratch(t, { 'b/one.md': '# One', 's/': '' })
    const args = ['--base', `b=${folder}/b`, '--manifest', join(folder, 's/m.json'), '--refresh', '0']
    const pair = [new Apart(args), new Apart(args)] as const
    t.teardown(() => Promise.all(pair.map((each) => each.stop())))
    await Promise.all(pair.map(({ ready }) => ready))
    const rounds = dose(20, 1000)
    const told = await race(folder, pair, rounds)
    t.match(told, { broken: 0, refused: 0, done: rounds })
    t.comment(JSON.stringify(told))
  }
)

t.test('the same where the manifest lies on a mount', { skip: noNamespaces() || noMounts() }, async (t) => {
  const folder = scratch(t, { 'b/one.md': '# One' })
  const mount = new Mount(folder)
  t.teardown(() => mount.down())
  await mount.up()
  fs.mkdirSync(join(mount.point, 's'))
  const args = ['--base', `b=${folder}/b`, '--manifest', join(mount.point, 's/m.json'), '--refresh', '0']
  const pair = [new Apart(args), new Apart(args)] as const
  t.teardown(() => Promise.all(pair.map((each) => each.stop())))
  await Promise.all(pair.map(({ ready }) => ready))
  await until(async () => (await pair[0].ask('/ready')).status === 200)
  const rounds = dose(10, 1000)
  const told = await race(folder, pair, rounds)
  t.match(told, { broken: 0 })
  t.equal(told.done + told.refused, rounds)
  t.comment(JSON.stringify(told))
})
