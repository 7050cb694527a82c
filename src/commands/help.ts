import { settingNames, wordsOf } from '../services/settings.js'
import { columns, paint } from './terminal.js'

interface Command {
  usage: string
  words: string
  /** Its own flags; settings are those of all. */
  flags: readonly (readonly [string, string])[]
  examples: readonly string[]
}

const FILTERS = [
  ['--in BASE', 'of this base (repeatable)'],
  ['--type TYPE', 'of this type (repeatable)'],
  ['--q WORDS', 'each word in the title or the path'],
  ['--from DAY', 'from this day on, YYYY-MM-DD'],
  ['--to DAY', 'to this day, inclusive'],
  ['--limit N', 'at most so many']
] as const

const COMMANDS: Record<string, Command> = {
  serve: {
    usage: 'serve',
    words: 'run the service (the default); it prints its address once it listens',
    flags: [],
    examples: ['reports-index serve --base cloud=/mnt/gdrive/Outputs --base workspace=~/reports --port 8080']
  },
  build: {
    usage: 'build [--full] [--accept-removals BASE] [--forget-base BASE]',
    words: 'one build: look at the bases, write the manifest',
    flags: [
      ['--full', 'read every head again, changed or not'],
      ['--accept-removals BASE', 'the missing reports of this base are really gone (repeatable)'],
      [
        '--forget-base BASE',
        'a base that the manifest holds and the settings do not: its reports go (repeatable)'
      ]
    ],
    examples: [
      'reports-index build --base cloud=/mnt/gdrive/Outputs --manifest ~/.local/state/reports-index.json'
    ]
  },
  list: {
    usage: 'list [--json]',
    words: 'the listing from the manifest: a table on a terminal, lines with tabs elsewhere',
    flags: [['--json', 'for programs: one object'], ...FILTERS],
    examples: ['reports-index list --type audit --from 2026-06-01', 'reports-index list --json | jq .count']
  },
  verify: {
    usage: 'verify [--json] [--url URL]',
    words: 'compare the manifest, and a running service, with what is on disk; writes nothing',
    flags: [
      ['--json', 'for a gate: one object'],
      ['--url URL', 'also compare what the service there answers']
    ],
    examples: ['reports-index verify --url http://127.0.0.1:3000']
  }
}

const EXITS = 'Exit codes: 0 done, 1 the work failed or verify found a difference, 2 wrong usage or settings'

/**
 * The answer to `--help`, its settings from their schema.
 * @param command the one that is asked about; absent: all of them
 */
export function helpText(command?: string): string {
  const about = command === undefined ? undefined : COMMANDS[command]
  return `${about ? aboutOne(about) : aboutAll()}
${paint('bold', 'Settings')} [variable; default]
${columns(settingRows())}
  --help, --version

${EXITS}
`
}

function aboutAll(): string {
  const rows = Object.values(COMMANDS).map(({ usage, words }) => [`  ${usage}`, words])
  return `reports-index: one listing of folders of reports, made outside the request path

Usage: reports-index [command] [flags]; reports-index COMMAND --help tells more

${paint('bold', 'Commands')}
${columns(rows)}`
}

function aboutOne({ usage, words, flags, examples }: Command): string {
  const own = flags.map(([flag, says]) => [`  ${flag}`, says])
  return `Usage: reports-index ${usage} [settings]

${words}
${own.length > 0 ? `\n${paint('bold', 'Flags')}\n${columns(own)}` : ''}
${paint('bold', 'For example')}
${examples.map((example) => `  ${example}\n`).join('')}`
}

function settingRows(): string[][] {
  return settingNames.map((name) => {
    const { flag, value, description, repeatable, default: byDefault, defaultText, env } = wordsOf(name)
    const words = `${description}${repeatable ? ' (repeatable)' : ''} [${env}; ${defaultText ?? byDefault}]`
    return [`  --${flag} ${value}`, words.replaceAll('`', '')]
  })
}
