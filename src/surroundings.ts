import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse as parseDotenv } from 'dotenv'
import { findOverlaps } from './scan/overlap.js'
import { SettingError } from './services/errors.js'
import { readSettings, type Settings, settingNames, type Texts, wordsOf } from './services/settings.js'

export const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)))
export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version

/** Source and build lie at different depths below the package. */
function findPackageRoot(folder: string): string {
  try {
    if (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'reports-index') return folder
  } catch {
    // no package.json here
  }
  if (dirname(folder) === folder) throw new Error('the package of reports-index is not complete')
  return findPackageRoot(dirname(folder))
}

/** The commit that what runs was built from. */
export function commit(): string {
  try {
    return readFileSync(new URL('./commit.txt', import.meta.url), 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

/**
 * Settings from flags, the environment and a `.env` file, in this order.
 * @throws SettingError that names what is wrong
 */
export function settingsFrom(flags: Texts, env: NodeJS.ProcessEnv, cwd = workingFolder()): Settings {
  const file = cwd === undefined ? {} : readDotenv(cwd)
  const texts: Texts = {}
  for (const name of settingNames) {
    const { env: variable } = wordsOf(name)
    const text = flags[name] ?? (env[variable] || file[variable] || undefined)
    if (text !== undefined) texts[name] = text
  }
  const settings = readSettings(texts, { cwd, home: homeFolder(), samples: join(packageRoot, 'samples') })
  for (const [later, earlier] of findOverlaps(settings.bases)) {
    throw new SettingError(
      `REPORTS_INDEX_BASES (--base): the bases ${earlier} and ${later} overlap; allowed: folders that do not lie in one another`
    )
  }
  return settings
}

/** Variables that look like settings and are none, as a misspelt one does. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(settingNames.map((name) => wordsOf(name).env))
  return Object.keys(env).filter((name) => name.startsWith('REPORTS_INDEX_') && !known.has(name))
}

/** @returns undefined where the folder was removed */
function workingFolder(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** @returns undefined where neither HOME nor the system's list of users names one */
function homeFolder(): string | undefined {
  try {
    const home = homedir()
    return isAbsolute(home) ? home : undefined
  } catch {
    return undefined
  }
}

function readDotenv(cwd: string): Record<string, string> {
  try {
    const path = join(cwd, '.env')
    if (!statSync(path).isFile()) throw Object.assign(new Error('no regular file'), { code: 'EISDIR' })
    return parseDotenv(readFileSync(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return {}
    throw new SettingError(`the file .env cannot be read (${code}); allowed: a readable file, or none`)
  }
}
