import { isIP } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { type SettingName, SettingTexts, type SettingWords } from '../schemas/settings.js'
import { originOf } from './door.js'
import { SettingError } from './errors.js'
import { isBalanced, splitGlobs } from './select.js'

/** A named root folder of reports; `root` is absolute, as given, links not resolved. */
export interface Base {
  name: string
  root: string
}

/** Where the settings' relative paths and defaults start from. */
export interface Surroundings {
  /** Undefined: it was removed. */
  cwd: string | undefined
  /** Undefined: none is known. */
  home: string | undefined
  /** The sample reports' folder. */
  samples: string
}

export type Texts = Partial<Record<SettingName, string>>

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

const decoders = {
  bases: decodeBases,
  manifest: (text: string | undefined) => text,
  refresh: (text: string) => within(durationOf(text), 100, 576 * UNITS.h, 0),
  include: decodeGlobs,
  exclude: decodeGlobs,
  concurrency: (text: string) => within(Number(text), 1, 512),
  timeout: (text: string) => within(durationOf(text), 100, 24 * UNITS.h),
  reread: (text: string) => within(durationOf(text), 60_000, 8760 * UNITS.h, 0),
  maxDrop: (text: string) => within(Number.parseFloat(text) / 100, 0, 1),
  token: (text: string | undefined) => text,
  readToken: (text: string | undefined) => text,
  serveReports: (text: string) => text === 'true',
  reportUrl: decodeTemplate,
  corsOrigins: decodeOrigins,
  allowedHosts: decodeHosts,
  host: (text: string) => text,
  port: (text: string) => within(Number(text), 0, 65_535),
  logLevel: (text: string) => text
}

/** The settings as the program uses them. */
export interface Settings {
  bases: Base[]
  /** Absolute path. */
  manifest: string
  /** Milliseconds; 0: no schedule. */
  refreshMs: number
  include: string[]
  exclude: string[]
  concurrency: number
  timeoutMs: number
  /** Within how long each head is read again where only size and time tell a changed file, in milliseconds; 0: never. */
  rereadMs: number
  /** A share from 0 to 1. */
  maxDrop: number
  /** What `POST /rebuild` needs. */
  token?: string
  /** What reading needs. */
  readToken?: string
  /** Whether the reports themselves are served. */
  serveReports: boolean
  /** Where the page's links lead: a template with `{base}` and `{rel}`. */
  reportUrl?: string
  /** Origins whose pages may read, and rebuild. */
  corsOrigins: string[]
  /** Names in lower case. */
  allowedHosts: string[]
  host: string
  port: number
  logLevel: string
  /** Whether the bases are the sample reports, since none were named. */
  samples: boolean
}

/** The words of one setting. */
export function wordsOf(name: SettingName): SettingWords & { pattern: string; default?: string } {
  return SettingTexts.properties[name] as unknown as SettingWords & { pattern: string; default?: string }
}

export const settingNames = Object.keys(SettingTexts.properties) as SettingName[]

/**
 * Reads the settings.
 * @param texts what was given, by setting; what is absent has its default
 * @throws SettingError that names the setting, the value and what is allowed
 */
export function readSettings(texts: Texts, around: Surroundings): Settings {
  const bases = decode('bases', texts.bases ?? `samples=${around.samples.replaceAll(',', '\\,')}`).map(
    (base) => ({
      name: base.name,
      root: absolute('bases', base.root, around)
    })
  )
  return {
    bases,
    manifest: absolute(
      'manifest',
      texts.manifest === undefined
        ? join(bases[0]?.root ?? '', '_state/reports-index.json')
        : decode('manifest', texts.manifest),
      around
    ),
    refreshMs: decode('refresh', texts.refresh),
    include: decode('include', texts.include),
    exclude: decode('exclude', texts.exclude ?? ''),
    concurrency: decode('concurrency', texts.concurrency),
    timeoutMs: decode('timeout', texts.timeout),
    rereadMs: decode('reread', texts.reread),
    maxDrop: decode('maxDrop', texts.maxDrop),
    ...(texts.token !== undefined && { token: decode('token', texts.token) }),
    ...(texts.readToken !== undefined && { readToken: decode('readToken', texts.readToken) }),
    serveReports: decode('serveReports', texts.serveReports ?? String(texts.bases === undefined)),
    ...(texts.reportUrl !== undefined && { reportUrl: decode('reportUrl', texts.reportUrl, bases.length) }),
    corsOrigins: decode('corsOrigins', texts.corsOrigins),
    allowedHosts: decode('allowedHosts', texts.allowedHosts),
    host: decode('host', texts.host),
    port: decode('port', texts.port),
    logLevel: decode('logLevel', texts.logLevel),
    samples: texts.bases === undefined
  }
}

/** @param bases how many there are, where that counts */
function decode<K extends SettingName>(name: K, given: string | undefined, bases = 1) {
  const { env, flag, allowed, pattern, secret, default: defaultText } = wordsOf(name)
  const text = given ?? defaultText ?? ''
  const value = new RegExp(pattern, 's').test(text) ? decoders[name](text, bases) : undefined
  if (value === undefined) {
    const shown = secret ? 'something that is not shown here' : JSON.stringify(text)
    throw new SettingError(`${env} (--${flag}) is ${shown}; allowed: ${allowed}`)
  }
  return value as NonNullable<ReturnType<(typeof decoders)[K]>>
}

function decodeBases(text: string): Base[] | undefined {
  const pieces = text.split(/(?<!\\),/).map((part) => part.trim().replaceAll('\\,', ','))
  const bases: Base[] = []
  for (const piece of pieces.filter(Boolean)) {
    const match = /^([A-Za-z0-9._-]{1,64})=(.+)$/s.exec(piece)
    if (
      !match ||
      /^\.\.?$/.test(match[1] as string) ||
      match[2]?.includes('\0') ||
      bases.some(({ name }) => name === match[1])
    )
      return undefined
    bases.push({ name: match[1] as string, root: match[2] as string })
  }
  return bases.length > 0 ? bases : undefined
}

function decodeGlobs(text: string): string[] | undefined {
  const globs = splitGlobs(text)
  return globs.every(isBalanced) ? globs : undefined
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
}

function decodeHosts(text: string): string[] | undefined {
  const names = listed(text).map((name) => name.toLowerCase().replace(/^\[(.*)\]$|\.$/, '$1'))
  return names.every((name) => isIP(name) || /^[a-z0-9._-]+$/.test(name)) ? names : undefined
}

function decodeOrigins(text: string): string[] | undefined {
  const origins = listed(text).map(originOf)
  return origins.every((origin) => origin !== undefined) ? origins : undefined
}

function decodeTemplate(text: string, bases: number): string | undefined {
  const holes: readonly string[] = text.match(/\{[^}]*\}/g) ?? []
  if (bases > 1 && !holes.includes('{base}')) return undefined
  return holes.includes('{rel}') && holes.every((hole) => ['{rel}', '{base}'].includes(hole))
    ? text
    : undefined
}

function durationOf(text: string): number {
  const [, amount, unit] = /^(\d+)(\w+)?$/.exec(text) ?? []
  return Number(amount) * UNITS[(unit ?? 'ms') as keyof typeof UNITS]
}

function within(value: number, min: number, max: number, also?: number): number | undefined {
  return value === also || (value >= min && value <= max) ? value : undefined
}

function absolute(name: SettingName, path: string, { cwd, home }: Surroundings): string {
  const isAtHome = path === '~' || path.startsWith('~/')
  if (isAtHome && home === undefined)
    throw notAbsolute(name, path, 'no home folder is known: HOME names none')
  const whole = isAtHome ? `${home}${path.slice(1)}` : path
  if (isAbsolute(whole)) return resolve(whole)
  if (cwd === undefined) throw notAbsolute(name, path, 'the working folder was removed')
  return resolve(cwd, whole)
}

function notAbsolute(name: SettingName, path: string, why: string): SettingError {
  const { env, flag } = wordsOf(name)
  return new SettingError(
    `${env} (--${flag}) has the path ${JSON.stringify(path)}, but ${why}; allowed: an absolute path`
  )
}
