import { spawnSync } from 'node:child_process'

/** Asks the registry for known holes of the dependencies. Fails for those of level high or more; a registry may not answer. */

/** What `npm audit --json` tells, as far as it counts here. */
interface Audit {
  message?: string
  vulnerabilities?: Record<string, { severity: string }>
}

const SEVERE = ['high', 'critical']
const LIMIT_MS = 120_000

const { stdout } = spawnSync(
  'npm',
  ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=30000'],
  { encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'ignore'] }
)
const { message, vulnerabilities } = parsed(stdout)
if (vulnerabilities === undefined) {
  const why = message?.split(/ - |\n/, 1)[0] ?? 'no answer'
  process.stdout.write(`npm audit: the registry does not tell of known holes (${why}); not checked\n`)
} else {
  const found = Object.entries(vulnerabilities).map(([name, { severity }]) => `${name} (${severity})`)
  process.stdout.write(`npm audit: ${found.length === 0 ? 'no known holes' : found.join(', ')}\n`)
  if (Object.values(vulnerabilities).some(({ severity }) => SEVERE.includes(severity))) process.exitCode = 1
}

function parsed(text: string | null): Audit {
  try {
    const audit: unknown = JSON.parse(text ?? '')
    return typeof audit === 'object' && audit !== null ? audit : {}
  } catch {
    return {}
  }
}
