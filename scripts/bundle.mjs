// Makes one file of each program and all that it loads: it starts in half the time. The library beside them (dist/app.js)
// stays as it is, so that who embeds it shares its own Fastify with it.
import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { makePage } from './page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['cli', 'builder-main', 'looker-main', 'opener-main', 'renderer-main', 'probe-main'].map(
    (name) => `src/${name}.ts`
  ),
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  chunkNames: 'chunk-[hash]',
  metafile: true,
  logLevel: 'warning',
  // Packages of the older kind count on names that modules lack.
  banner: {
    js: [
      "import { createRequire as createRequireHere } from 'node:module'",
      "import { fileURLToPath as pathHere } from 'node:url'",
      'const require = createRequireHere(import.meta.url)',
      'const __filename = pathHere(import.meta.url)',
      "const __dirname = pathHere(new URL('.', import.meta.url))",
      ''
    ].join('\n')
  }
})

const page = await makePage(dist)
rmSync(join(dist, 'page'), { recursive: true, force: true })
writeFileSync(join(dist, 'commit.txt'), `${commit()}\n`)
chmodSync(join(dist, 'cli.js'), 0o755)
writeFileSync(join(dist, 'LICENSES.txt'), licences([...Object.keys(metafile.inputs), ...page]))

removeStale()

/** What an earlier build left, of sources that are gone: it would be published. */
function removeStale() {
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((name) => name.replace(/\.ts$/, ''))
  const made = new Set([
    ...sources.flatMap((name) => [`${name}.js`, `${name}.d.ts`]),
    ...Object.keys(metafile.outputs).map((path) => relative('dist', path)),
    'page.html',
    'commit.txt',
    'LICENSES.txt'
  ])
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !made.has(relative(dist, path))) rmSync(path)
  }
}

/** The commit that this is built from; nothing where there is no checkout. */
function commit() {
  const git = (...args) =>
    execFileSync('git', ['-C', root, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore']
    }).trim()
  try {
    if (git('rev-parse', '--show-toplevel') !== realpathSync(root).replace(/\/$/, '')) return 'unknown'
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ', changed')
  } catch {
    return 'unknown'
  }
}

/** What the licences of all packages within ask for. */
function licences(inputs) {
  const packages = new Set()
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]
    if (found) packages.add(found)
  }
  return [...packages]
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map(licence)
    .join('\n')
}

function licence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e(?:[.-]|$)/i.test(each))
  const text = file ? readFileSync(join(root, folder, file), 'utf8').trim() : licenceIn(join(root, folder))
  if (text === '') throw new Error(`the package ${name} has no licence text`)
  return `${name} ${version} (${license})\n\n${text}\n`
}

/** Some packages have it in their README. */
function licenceIn(folder) {
  const readme = readdirSync(folder).find((each) => /^readme(?:[.-]|$)/i.test(each))
  const text = readme ? readFileSync(join(folder, readme), 'utf8') : ''
  return /^#+\s*licen[cs]e[^\n]*\n([^]*)/im.exec(text)?.[1]?.trim() ?? ''
}
