// Runs the tests that import test/dose.ts, in the full dose, and those over real mounts. Flags and files are for tap:
// test-full.mjs [FLAG…] [FILE…]
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => /from '[./]*(?:dose|mount)\.js'/.test(readFileSync(join(root, 'test', name), 'utf8')))
  .map((name) => `.test-build/test/${name.replace(/\.ts$/, '.js')}`)
  .toSorted()
const given = process.argv.slice(2)
const args = ['tap', '--disable-coverage', '--timeout=3600', ...given]
if (given.every((arg) => arg.startsWith('-'))) args.push(...files)
const { status } = spawnSync('npx', args, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, DOSE: 'full' }
})
process.exitCode = status ?? 1
