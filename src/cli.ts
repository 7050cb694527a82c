#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { SettingError } from './services/errors.js'
import { type Settings, settingNames, type Texts, wordsOf } from './services/settings.js'
import { settingsFrom, version } from './wiring.js'

const OWN_FLAGS = {
  serve: {},
  build: { full: { type: 'boolean' }, 'accept-removals': { type: 'string', multiple: true } },
  list: {
    json: { type: 'boolean' },
    in: { type: 'string', multiple: true },
    type: { type: 'string', multiple: true },
    q: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' }
  }
} as const
type Command = keyof typeof OWN_FLAGS

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

/** Wrong usage: told in one line. */
class UsageError extends Error {}

async function main(args: string[]): Promise<number | undefined> {
  const [first = 'serve'] = args
  const named = !first.startsWith('-')
  if (named && !Object.hasOwn(OWN_FLAGS, first)) {
    throw new UsageError(`unknown command "${first}"; allowed: ${Object.keys(OWN_FLAGS).join(', ')}`)
  }
  const command = (named ? first : 'serve') as Command
  const values = readFlags(command, named ? args.slice(1) : args)
  if (values['help']) {
    const { helpText } = await import('./commands/help.js')
    process.stdout.write(helpText())
    return 0
  }
  if (values['version']) {
    process.stdout.write(`${version}\n`)
    return 0
  }
  return await run(command, settingsFrom(textsIn(values), process.env, process.cwd()), values)
}

async function run(command: Command, settings: Settings, values: Values): Promise<number | undefined> {
  if (command === 'serve') return await (await import('./commands/serve.js')).serveCommand(settings)
  if (command === 'build') {
    const { buildCommand } = await import('./commands/build.js')
    return await buildCommand(settings, {
      full: values['full'] === true,
      acceptRemovals: (values['accept-removals'] as string[] | undefined) ?? []
    })
  }
  const { listCommand } = await import('./commands/list.js')
  const { in: base, type, q, from, to, limit } = values as Record<string, never>
  return listCommand(settings, { json: values['json'] === true, in: base, type, q, from, to, limit })
}

function readFlags(command: Command, args: string[]): Values {
  const settings = settingNames.map((name) => {
    const { flag, repeatable } = wordsOf(name)
    return [flag, { type: 'string', multiple: repeatable ?? false }] as const
  })
  const options = {
    ...Object.fromEntries(settings),
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
    ...OWN_FLAGS[command]
  } as const
  try {
    return parseArgs({ args, options, strict: true }).values as Values
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\. |\n/, 1)[0])
  }
}

function textsIn(values: Values): Texts {
  const texts: Texts = {}
  for (const name of settingNames) {
    const value = values[wordsOf(name).flag]
    if (value !== undefined) texts[name] = Array.isArray(value) ? value.join(',') : String(value)
  }
  return texts
}

/** Wrong usage and settings end with 2, all else with 1; each with one line. */
function fail(error: unknown): void {
  const { message, code } = error as NodeJS.ErrnoException
  const wrongUse =
    error instanceof UsageError || error instanceof SettingError || code === 'RI_ERR_UNKNOWN_BASE'
  process.stderr.write(`reports-index: ${sentenceFor(code, message)}\n`)
  process.exit(wrongUse ? 2 : 1)
}

function sentenceFor(code: string | undefined, message: string): string {
  if (code === 'EADDRINUSE') return `the port is in use (${message.split(': ').at(-1)})`
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') return `can not listen: ${message}`
  return message.split('\n', 1)[0] as string
}

// Who reads our output may stop at any line.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
try {
  const code = await main(process.argv.slice(2))
  if (code !== undefined) process.exitCode = code
} catch (error) {
  fail(error)
}
