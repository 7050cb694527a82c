import { parseArgs } from 'node:util'
import { SettingError } from './services/errors.js'
import { type Settings, settingNames, type Texts, wordsOf } from './services/settings.js'
import { settingsFrom, version } from './surroundings.js'

const OWN_FLAGS = {
  serve: {},
  build: {
    full: { type: 'boolean' },
    'accept-removals': { type: 'string', multiple: true },
    'forget-base': { type: 'string', multiple: true }
  },
  list: {
    json: { type: 'boolean' },
    in: { type: 'string', multiple: true },
    type: { type: 'string', multiple: true },
    q: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    limit: { type: 'string' }
  },
  verify: { json: { type: 'boolean' }, url: { type: 'string' } }
} as const
type Command = keyof typeof OWN_FLAGS

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

/** Wrong usage: told in one line. */
class UsageError extends Error {}

async function dispatch(args: string[]): Promise<number | undefined> {
  if (args[0] === 'help') return await dispatch([...args.slice(1), '--help'])
  const [first = 'serve'] = args
  const named = !first.startsWith('-')
  if (named && !Object.hasOwn(OWN_FLAGS, first)) {
    throw new UsageError(
      `unknown command ${JSON.stringify(first)}; allowed: ${Object.keys(OWN_FLAGS).join(', ')}`
    )
  }
  const command = (named ? first : 'serve') as Command
  const values = readFlags(command, named ? args.slice(1) : args)
  if (values['help']) {
    const { helpText } = await import('./commands/help.js')
    process.stdout.write(helpText(named ? command : undefined))
    return 0
  }
  if (values['version']) {
    process.stdout.write(`${version}\n`)
    return 0
  }
  return await run(command, settingsFrom(textsIn(values), process.env), values)
}

async function run(command: Command, settings: Settings, values: Values): Promise<number | undefined> {
  if (command === 'serve') return await (await import('./commands/serve.js')).serveCommand(settings)
  if (command === 'build') {
    const { buildCommand } = await import('./commands/build.js')
    return await buildCommand(settings, {
      full: values['full'] === true,
      acceptRemovals: (values['accept-removals'] as string[] | undefined) ?? [],
      forgetBases: (values['forget-base'] as string[] | undefined) ?? []
    })
  }
  if (command === 'verify') {
    const { verifyCommand } = await import('./commands/verify.js')
    const url = values['url'] as string | undefined
    return await verifyCommand(settings, { json: values['json'] === true, url })
  }
  const { listCommand } = await import('./commands/list.js')
  const { in: base, type, q, from, to, limit } = values as Record<string, never>
  return await listCommand(settings, { json: values['json'] === true, in: base, type, q, from, to, limit })
}

type Options = Record<string, { type: 'string' | 'boolean'; multiple?: boolean; short?: string }>

function readFlags(command: Command, args: string[]): Values {
  const settings = settingNames.map((name) => {
    const { flag, repeatable } = wordsOf(name)
    return [flag, { type: 'string', multiple: repeatable ?? false }] as const
  })
  const options: Options = {
    ...Object.fromEntries(settings),
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
    ...OWN_FLAGS[command]
  }
  try {
    return parseArgs({ args: joined(args, options), options, strict: true }).values
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\. |\n/, 1)[0])
  }
}

const BARE_FLAGS = new Set(
  settingNames
    .map(wordsOf)
    .filter(({ bare }) => bare)
    .map(({ flag }) => `--${flag}`)
)

/** `--flag value` as `--flag=value`, so that a value may begin with a dash and is then checked as a value. */
function joined(args: string[], options: Options): string[] {
  const all: string[] = []
  for (let i = 0; i < args.length; i++) {
    const [arg = '', next] = args.slice(i, i + 2)
    const bare = BARE_FLAGS.has(arg) && next !== 'true' && next !== 'false'
    if (bare) {
      all.push(`${arg}=true`)
      continue
    }
    const takesValue = options[arg.slice(2)]?.type === 'string' && arg.startsWith('--')
    const isFlag = next?.startsWith('--') && Object.hasOwn(options, next.slice(2).split('=', 1)[0] ?? '')
    if (!takesValue || next === undefined || isFlag) all.push(arg)
    else all.push(`${arg}=${args[++i]}`)
  }
  return all
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
  const told = error as NodeJS.ErrnoException
  const wrongUse =
    error instanceof UsageError ||
    error instanceof SettingError ||
    ['RI_ERR_UNKNOWN_BASE', 'RI_ERR_OWN_BASE'].includes(told.code ?? '')
  process.stderr.write(`reports-index: ${sentenceOf(told)}
`)
  process.exit(wrongUse ? 2 : 1)
}

function sentenceOf({ message, code, syscall }: NodeJS.ErrnoException): string {
  const [line = ''] = message.split('\n', 1)
  if (code === 'RI_ERR_UNKNOWN_BASE')
    return `${line}; --base, REPORTS_INDEX_BASES or .env name the bases, as for the service`
  if (syscall !== 'listen' && syscall !== 'getaddrinfo') return line
  return code === 'EADDRINUSE'
    ? `the port is in use (${message.split(': ').at(-1)})`
    : `cannot listen: ${message}`
}

/**
 * Standard output takes no more. A reader of a listing has enough of it; what `build` and `verify` found stays in their
 * exit code.
 */
function onLostOutput(command: string | undefined, { code }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE' && command !== 'list') return
  if (code !== 'EPIPE') process.stderr.write(`reports-index: standard output cannot be written (${code})\n`)
  process.exit(code === 'EPIPE' ? 0 : 1)
}

/** Does what the command line asks for; sets the exit code. */
export async function main(args: string[]): Promise<void> {
  process.stdout.on('error', (error) => onLostOutput(args[0], error))
  // The reader of the log may go away.
  process.stderr.on('error', () => {})
  try {
    const code = await dispatch(args)
    if (code !== undefined) process.exitCode = code
  } catch (error) {
    fail(error)
  }
}
