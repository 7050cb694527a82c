import { settingNames, wordsOf } from '../services/settings.js'
import { columns } from './terminal.js'

const COMMANDS = [
  ['serve', 'run the service (the default)'],
  ['build [--full] [--accept-removals BASE]', 'one build: look at the bases, write the manifest'],
  ['list [--json]', 'the listing from the manifest']
] as const

const FILTERS = [
  ['--in BASE', 'of this base (repeatable)'],
  ['--type TYPE', 'of this type (repeatable)'],
  ['--q WORDS', 'each word in the title or the path'],
  ['--from DAY', 'from this day on, YYYY-MM-DD'],
  ['--to DAY', 'to this day, inclusive'],
  ['--limit N', 'at most so many']
] as const

/** The answer to `--help`, its settings from their schema. */
export function helpText(): string {
  const settings = settingNames.map((name) => {
    const { flag, value, description, repeatable, default: byDefault, defaultText, env } = wordsOf(name)
    const words = `${description}${repeatable ? ' (repeatable)' : ''} [${env}; ${defaultText ?? byDefault}]`
    return [`  --${flag} ${value}`, words.replaceAll('`', '')]
  })
  return `reports-index: one listing of folders of reports, made outside the request path

Usage: reports-index [command] [flags]

Commands
${columns(COMMANDS.map(([name, words]) => [`  ${name}`, words]))}
Flags of list
${columns(FILTERS.map(([name, words]) => [`  ${name}`, words]))}
Settings [variable; default]
${columns(settings)}
  --help, --version

Exit codes: 0 done, 1 the work failed, 2 wrong usage or settings
`
}
