import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Service } from '../test/support.js'
import { answered } from './ask.js'
import { corpus } from './corpus.js'
import { atEnd, temporaryFolder } from './ending.js'
import { type Command, environment, run } from './process.js'
import type { Measures } from './rounds.js'
import { CLI } from './tools.js'
import { cpuMsOfTree } from './tree.js'

let changes = 0

/** Reports that stay as they are, one beside them that changes, and a manifest of both. */
export class Subject {
  readonly folders: string[]
  readonly state = temporaryFolder()
  readonly manifest = join(this.state, 'state/reports-index.json')
  readonly changing: string
  readonly settings: string[]

  constructor(reports: string) {
    const beside = join(this.state, 'beside')
    mkdirSync(beside)
    mkdirSync(join(this.state, 'state'))
    this.changing = join(beside, 'changing.md')
    this.change()
    this.folders = [reports, beside]
    const bases = ['--base', `reports=${reports}`, '--base', `beside=${beside}`]
    this.settings = [...bases, '--manifest', this.manifest]
  }

  static async of(count: number): Promise<Subject> {
    return new Subject(await corpus(count))
  }

  /** Another title each time, of another length now and then. */
  change(): void {
    writeFileSync(this.changing, `---\ntitle: Change number ${++changes}\n---\n`)
  }

  build(name: string, flags: string[] = []): Command {
    return { name, program: process.execPath, args: [CLI, 'build', ...flags, ...this.settings] }
  }

  /** A service that has its first build behind it. */
  async serve(): Promise<Service> {
    await run(this.build('build'))
    const service = await Service.start(
      [...this.settings, '--refresh', '0', '--log-level', 'error'],
      settingsOff
    )
    atEnd(() => service.stop())
    await rebuild(service)
    return service
  }
}

/** What the environment would set otherwise. */
const settingsOff = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => !(name in environment) && name !== 'NODE_OPTIONS')
    .map((name) => [name, undefined])
)

export const ONE_PATH = { paths: [{ base: 'beside', rel: 'changing.md' }] }

/** A build in a running service, to its answer; CPU of the service and its builder. */
export async function rebuild(service: Service, json?: object): Promise<Measures> {
  const pid = service.child.pid as number
  const before = cpuMsOfTree(pid)
  const { ms, body } = await answered(`${service.url}/rebuild`, { method: 'POST', ...(json && { json }) })
  const { filesRead } = JSON.parse(body.toString()) as { filesRead: number }
  return { ms, cpu: cpuMsOfTree(pid) - before, read: filesRead }
}
