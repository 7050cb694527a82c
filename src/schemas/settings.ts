import { type Static, Type } from '@sinclair/typebox'

/** What a setting is to its reader: where it is set, and the words of `--help` and the README. */
export interface SettingWords {
  env: string
  flag: string
  /** Stands for the value in `--help`. */
  value: string
  /** What is allowed, for the error's last words. */
  allowed: string
  description: string
  /** The default as text, where it is not a value of its own. */
  defaultText?: string
  /** The flag may be given several times; the values are joined by commas. */
  repeatable?: boolean
  /** The flag alone stands for `true`. */
  bare?: boolean
  /** The value is not repeated in errors. */
  secret?: boolean
}

function setting(pattern: string, words: SettingWords, defaultValue?: string) {
  return Type.String({ pattern, ...words, ...(defaultValue === undefined ? {} : { default: defaultValue }) })
}

const DURATION = '^(0|[0-9]{1,9}(ms|s|m|h))$'
const PERCENT = '^(100|[0-9]{1,2})(\\.[0-9]+)?%$'

/** The one source of the settings: defaults, checks, flags, `--help`, and the README's table. All values are text. */
export const SettingTexts = Type.Object({
  bases: setting('^.+$', {
    env: 'REPORTS_INDEX_BASES',
    flag: 'base',
    value: 'NAME=PATH',
    allowed:
      'NAME=PATH, comma between several, each name of 1 to 64 letters, digits, ".", "_" or "-", not "." or "..", and used once',
    description: 'The folders of reports; `~` is the home folder, `\\,` a comma within a path',
    defaultText: 'the sample reports that come with the project, as base `samples`',
    repeatable: true
  }),
  manifest: setting('^(.*/)?(?!\\.{1,2}$)[^/]+$', {
    env: 'REPORTS_INDEX_MANIFEST',
    flag: 'manifest',
    value: 'FILE',
    allowed: 'the path of a file',
    description:
      'The manifest; its companion lies beside it. Give a local path where the first base is a network mount',
    defaultText: '`_state/reports-index.json` under the first base'
  }),
  refresh: setting(
    DURATION,
    {
      env: 'REPORTS_INDEX_REFRESH',
      flag: 'refresh',
      value: 'TIME',
      allowed: '0, or a whole number with ms, s, m or h, from 100ms to 576h',
      description: 'How often the bases are looked at by the clock; `0`: never'
    },
    '5m'
  ),
  include: setting(
    '^.*[^,\\s].*$',
    {
      env: 'REPORTS_INDEX_INCLUDE',
      flag: 'include',
      value: 'GLOBS',
      allowed: 'one glob or more, comma between several, each bracket closed',
      description: 'Which files are reports; a glob without `/` matches at any depth; case is ignored',
      repeatable: true
    },
    '**/*.{md,markdown,html,htm,txt,pdf}'
  ),
  exclude: setting('^.*$', {
    env: 'REPORTS_INDEX_EXCLUDE',
    flag: 'exclude',
    value: 'GLOBS',
    allowed: 'globs, comma between several, each bracket closed',
    description: 'Which of these are not; a glob that matches a folder takes away all below it',
    defaultText: 'none',
    repeatable: true
  }),
  concurrency: setting(
    '^[0-9]{1,4}$',
    {
      env: 'REPORTS_INDEX_CONCURRENCY',
      flag: 'concurrency',
      value: 'N',
      allowed: 'a whole number from 1 to 512',
      description: 'File operations at once, over all bases'
    },
    '32'
  ),
  timeout: setting(
    DURATION,
    {
      env: 'REPORTS_INDEX_TIMEOUT',
      flag: 'timeout',
      value: 'TIME',
      allowed: 'a whole number with ms, s, m or h, from 100ms to 24h',
      description: 'A base that gives no answer for so long is `unavailable`'
    },
    '30s'
  ),
  reread: setting(
    DURATION,
    {
      env: 'REPORTS_INDEX_REREAD',
      flag: 'reread',
      value: 'TIME',
      allowed: '0, or a whole number with ms, s, m or h, from 1m to 8760h',
      description:
        'Where a file system tells nothing of a changed file but size and time, each head is read again within so long; `0`: never'
    },
    '24h'
  ),
  maxDrop: setting(
    PERCENT,
    {
      env: 'REPORTS_INDEX_MAX_DROP',
      flag: 'max-drop',
      value: 'PERCENT',
      allowed: 'a percentage from 0% to 100%',
      description:
        'A build that would drop more of a base (and at least 20) is not believed; `100%` believes every loss'
    },
    '50%'
  ),
  token: setting('^[!-~]+$', {
    env: 'REPORTS_INDEX_TOKEN',
    flag: 'token',
    value: 'TOKEN',
    allowed: 'printable ASCII without blanks',
    description:
      '`POST /rebuild` needs it as `Authorization: Bearer …`; the variable is better than the flag, which others on the host can see',
    defaultText: 'none',
    secret: true
  }),
  readToken: setting('^[!-~]+$', {
    env: 'REPORTS_INDEX_READ_TOKEN',
    flag: 'read-token',
    value: 'TOKEN',
    allowed: 'printable ASCII without blanks',
    description:
      'All that tells of reports or builds needs it; `/health`, `/ready` and `/openapi.json` stay open',
    defaultText: 'none',
    secret: true
  }),
  serveReports: setting('^(true|false)$', {
    env: 'REPORTS_INDEX_SERVE_REPORTS',
    flag: 'serve-reports',
    value: '[true|false]',
    allowed: 'true or false',
    description:
      'Whether the reports themselves are served, at `/reports/{base}/{rel}`: what the listing holds, and nothing else',
    defaultText: '`true` for the sample reports, else `false`',
    bare: true
  }),
  reportUrl: setting('^(?:https?://[^/?#@{}\\s\\\\]+/[^\\s\\\\]*|/(?![/\\\\])[^\\s\\\\]*)$', {
    env: 'REPORTS_INDEX_REPORT_URL',
    flag: 'report-url',
    value: 'TEMPLATE',
    allowed:
      'http://…, https://… or a path that begins with /, with {rel} in it, and {base} where there are several bases',
    description:
      'Where the links of the page lead: a template with `{base}` and `{rel}`, e.g. `https://mc.example/reports/{base}/{rel}`',
    defaultText: "the service's own `/reports/…` where reports are served, else nowhere"
  }),
  corsOrigins: setting('^.*$', {
    env: 'REPORTS_INDEX_CORS_ORIGINS',
    flag: 'cors-origin',
    value: 'ORIGIN',
    allowed: 'origins such as https://dash.example or http://localhost:8080, comma between several',
    description: 'Whose pages may read the listing and rebuild; any other page can do neither',
    defaultText: 'none',
    repeatable: true
  }),
  allowedHosts: setting('^.*$', {
    env: 'REPORTS_INDEX_ALLOWED_HOSTS',
    flag: 'allowed-host',
    value: 'NAME',
    allowed: 'host names or addresses without a port, comma between several',
    description:
      'What the service may be called in `Host`, besides addresses (on loopback: its own), `localhost`, `HOST` and the name of the machine: the name that a reverse proxy passes on, or that of a service among containers',
    defaultText: 'none',
    repeatable: true
  }),
  host: setting(
    '^[A-Za-z0-9.:_-]+$',
    {
      env: 'HOST',
      flag: 'host',
      value: 'HOST',
      allowed: 'a host name or address of this machine',
      description: 'Where the service listens; anything but loopback needs `REPORTS_INDEX_TOKEN`'
    },
    '127.0.0.1'
  ),
  port: setting(
    '^[0-9]{1,5}$',
    {
      env: 'PORT',
      flag: 'port',
      value: 'PORT',
      allowed: 'a whole number from 0 to 65535',
      description: 'Its port; `0` takes a free one'
    },
    '3000'
  ),
  logLevel: setting(
    '^(fatal|error|warn|info|debug|trace|silent)$',
    {
      env: 'LOG_LEVEL',
      flag: 'log-level',
      value: 'LEVEL',
      allowed: 'fatal, error, warn, info, debug, trace or silent',
      description: 'Log lines on standard error: readable where it is a terminal, JSON elsewhere'
    },
    'info'
  )
})
export type SettingTexts = Static<typeof SettingTexts>
export type SettingName = keyof SettingTexts
