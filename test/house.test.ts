import fs from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { generated } from '../scripts/generate.js'
import { baseStates } from '../src/schemas/base-status.js'
import { manifestStates } from '../src/schemas/health.js'
import { encode } from '../src/services/codings.js'
import { settingNames, wordsOf } from '../src/services/settings.js'
import { packageRoot } from '../src/surroundings.js'

const SRC = join(packageRoot, 'src')

interface Source {
  /** Below src. */
  path: string
  text: string
  imports: string[]
}

const sources: Source[] = fs
  .readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = fs.readFileSync(join(SRC, path), 'utf8')
    const imports = [...text.matchAll(/(?:from|import\(?) ?'([^']+)'/g)].map(([, name]) => name as string)
    return { path, text, imports }
  })

/** The room of a file: its folder, or its own name at the top. */
function roomOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? path.replace('.ts', '') : folder
}

function importedRooms({ path, imports }: Source): string[] {
  return imports
    .filter((name) => name.startsWith('.'))
    .map((name) => roomOf(relative(SRC, join(SRC, dirname(path), name.replace(/\.js$/, '.ts')))))
}

/** Which rooms a room may import from, besides itself. No arrow turns back. */
const MAY_IMPORT: Record<string, string[]> = {
  schemas: [],
  services: ['schemas'],
  'services/io': ['schemas', 'services'],
  scan: ['schemas', 'services'],
  client: ['schemas', 'services'],
  page: ['client', 'schemas', 'services'],
  plugins: ['schemas', 'services'],
  routes: ['schemas', 'services'],
  'builder-house': ['scan', 'services', 'services/io'],
  'builder-main': ['builder-house', 'scan', 'services', 'services/io'],
  'looker-main': ['services/io'],
  'opener-main': ['scan', 'services', 'services/io'],
  'renderer-main': ['services', 'services/io'],
  surroundings: ['scan', 'services'],
  wiring: ['schemas', 'builder-house', 'scan', 'services', 'services/io', 'surroundings'],
  app: ['plugins', 'routes', 'services', 'surroundings', 'wiring'],
  'probe-main': ['server', 'services', 'services/io'],
  log: [],
  turns: [],
  pipeline: [],
  connections: ['client-errors', 'pipeline', 'services', 'turns'],
  'client-errors': ['schemas', 'services'],
  server: ['app', 'client-errors', 'connections', 'log', 'services'],
  commands: ['client', 'schemas', 'services', 'services/io', 'server', 'surroundings', 'wiring'],
  main: ['commands', 'services', 'surroundings'],
  cli: ['main']
}

t.test('imports go in one direction', async (t) => {
  for (const source of sources) {
    const room = roomOf(source.path)
    t.ok(MAY_IMPORT[room], `${source.path} stands in a known room`)
    for (const other of importedRooms(source)) {
      t.ok(
        other === room || MAY_IMPORT[room]?.includes(other),
        `${source.path} (${room}) may import from ${other}`
      )
    }
  }
})

t.test('the client and the page carry along nothing that a browser lacks', async (t) => {
  const isLoaded = (line: string) =>
    /^(?:import|export)\b.*(?:from|import) '/.test(line) && !/^(?:import|export) type /.test(line)
  const CARRIED = ['order', 'tag', 'listing', 'report-link'].map((name) => `services/${name}.ts`)
  const ROOMS = ['client', 'page']
  const carried = sources.filter(({ path }) => ROOMS.includes(roomOf(path)) || CARRIED.includes(path))
  for (const { path, text } of carried) {
    for (const line of text.split('\n').filter(isLoaded)) {
      const name = /'([^']+)'/.exec(line)?.[1] as string
      const target = relative(SRC, join(SRC, dirname(path), name.replace(/\.js$/, '.ts')))
      t.ok(ROOMS.includes(roomOf(target)) || CARRIED.includes(target), `${path} loads ${name}`)
    }
  }
})

t.test('no plugin and no route imports another', async (t) => {
  for (const source of sources.filter(({ path }) => /^(plugins|routes)\//.test(path))) {
    const siblings = source.imports.filter((name) => /^\.\/(?!(?:answers|asker|send|turn)\.js)/.test(name))
    t.strictSame(siblings, [], source.path)
  }
})

t.test('files, clock and process are touched only where they may be', async (t) => {
  const TOP = ['wiring', 'app', 'log', 'server', 'builder-main', 'looker-main', 'cli', 'main', 'commands']
  const rules: [string, RegExp, string[]][] = [
    [
      'the file system',
      /from '(?:node:)?fs(?:\/promises)?'/,
      ['scan', 'services/io', 'surroundings', 'wiring', 'commands']
    ],
    [
      'sockets and child processes',
      /from 'node:(?:net|child_process|http)'/,
      ['services/io', 'services', 'server', 'connections', 'pipeline', 'client-errors']
    ],
    ['the clock', /Date\.now\(\)|new Date\(\)/, ['wiring', 'builder-house', 'opener-main', 'page', 'scan']],
    ['the process', /\bprocess\.(?!platform|chdir|cwd)/, [...TOP, 'services/io']],
    ['the working folder', /\bprocess\.(?:chdir|cwd)/, ['surroundings', 'scan']],
    [
      'Fastify',
      /from 'fastify(?:-plugin)?'/,
      ['plugins', 'routes', 'app', 'server', 'connections', 'client-errors', 'log']
    ]
  ]
  for (const { path, text } of sources) {
    for (const [what, sign, rooms] of rules) {
      if (rooms.includes(roomOf(path))) continue
      const line = text.split('\n').find((each) => sign.test(each) && !/^\s*(?:\*|\/\/|\/\*\*)/.test(each))
      t.notOk(line, `${path} leaves ${what} alone${line ? `: ${line.trim()}` : ''}`)
    }
  }
})

t.test('what is generated is up to date; if not, run: npm run generate', async (t) => {
  for (const [path, text] of Object.entries(await generated(t.testdir({})))) {
    t.equal(fs.readFileSync(join(packageRoot, path), 'utf8'), text, `${path}; npm run generate`)
  }
})

const documents = [
  'README.md',
  'CHANGELOG.md',
  'examples/README.md',
  'examples/flask-dashboard/README.md',
  ...fs.readdirSync(join(packageRoot, 'docs')).map((name) => `docs/${name}`)
]

t.test('documents name only what exists', async (t) => {
  const { scripts } = JSON.parse(fs.readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  for (const document of documents.filter((name) => name.endsWith('.md'))) {
    const text = fs.readFileSync(join(packageRoot, document), 'utf8')
    for (const [, path] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      t.ok(
        fs.existsSync(join(packageRoot, dirname(document), path as string)),
        `${document} links to ${path}`
      )
    }
    for (const [, path] of text.matchAll(
      /`((?:src|test|docs|scripts|samples|bench|examples|\.ci)\/[\w./-]*)`/g
    )) {
      t.ok(fs.existsSync(join(packageRoot, path as string)), `${document} names ${path}`)
    }
    for (const [, script] of text.matchAll(/npm run ([\w:-]+)/g))
      t.ok(scripts[script as string], `${document}: npm run ${script}`)
  }
})

/** What a document names in backticks and code blocks. */
const codeIn = (text: string) =>
  [...text.matchAll(/```\w*\n([^]*?)```|`([^`\n]+)`/g)]
    .map(([, block, word]) => block ?? word ?? '')
    .join('\n')

t.test('documents name only settings, flags, routes and codes that there are', async (t) => {
  const words = settingNames.map(wordsOf)
  const variables = new Set(words.map(({ env }) => env))
  const own = [
    'full',
    'accept-removals',
    'forget-base',
    'json',
    'in',
    'type',
    'q',
    'from',
    'to',
    'limit',
    'url',
    'help',
    'version'
  ]
  const flags = new Set([...words.map(({ flag }) => flag), ...own])
  const openapi = fs.readFileSync(join(packageRoot, 'openapi.yaml'), 'utf8')
  const routes = [...openapi.matchAll(/^ {2}(\/\S*):$/gm)].map(([, path]) => path as string)
  const source = sources.map(({ text }) => text).join('\n')
  for (const document of documents.filter((name) => name.endsWith('.md'))) {
    const text = fs.readFileSync(join(packageRoot, document), 'utf8')
    for (const [name] of text.matchAll(/REPORTS_INDEX_[A-Z_]+/g))
      t.ok(variables.has(name) || name === 'REPORTS_INDEX_URL', `${document}: ${name}`)
    const code = codeIn(text)
    for (const [line, rest = ''] of code.matchAll(/^.*reports-index (?:serve|build|list|verify)\b(.*)$/gm))
      for (const [, flag = ''] of rest.matchAll(/ \[?--([a-z-]+)/g))
        t.ok(flags.has(flag), `${document}: --${flag} in ${line}`)
    for (const [, , path = ''] of code.matchAll(/\b(GET|POST|HEAD) (\/[\w{}/.-]*)/g))
      t.ok(routes.includes(path), `${document}: the route ${path}`)
    for (const [name] of code.matchAll(/\bRI_(?:ERR|CLIENT)_[A-Z_]+/g))
      t.ok(source.includes(`'${name}'`) || source.includes(name), `${document}: ${name}`)
  }
  for (const { env } of words)
    t.ok(fs.readFileSync(join(packageRoot, 'README.md'), 'utf8').includes(`\`${env}\``), env)
})

t.test('operations tell of every status, warning and code that a build or an answer can have', async (t) => {
  const text = fs.readFileSync(join(packageRoot, 'docs/operations.md'), 'utf8')
  for (const state of [...baseStates, ...manifestStates]) t.ok(text.includes(`| \`${state}\` |`), state)
  for (const code of ['front-matter', 'unreadable', 'invalid-name', 'suspect-folder'])
    t.ok(text.includes(`| \`${code}\` |`), code)
})

t.test('the README tells how large the page is', async (t) => {
  const readme = fs.readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const [, whole, sent] = /one file of (\d+) kB \((\d+) kB on the wire\)/.exec(readme) ?? []
  const page = fs.readFileSync(new URL('../src/page.html', import.meta.url))
  t.ok(Math.abs(page.length / 1000 - Number(whole)) < 2, `${page.length} bytes`)
  const { length } = await encode(page, 'br')
  t.ok(Math.abs(length / 1000 - Number(sent)) < 1, `${length} bytes as br`)
})

t.test('every dependency earns its place in a line of docs/dependencies.md, at its version', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(
    fs.readFileSync(join(packageRoot, 'package.json'), 'utf8')
  )
  const text = fs.readFileSync(join(packageRoot, 'docs/dependencies.md'), 'utf8')
  const named: string[] = [...text.matchAll(/^\| `([^`]+)` \| ([\d.]+) \|/gm)].map(
    ([, name = '', version = '']) => `${name} ${version}`
  )
  t.strictSame(
    named.toSorted(),
    Object.entries({ ...dependencies, ...devDependencies })
      .map((entry) => entry.join(' '))
      .toSorted()
  )
})

t.test('the samples are reports of every kind, and some thirty', async (t) => {
  const names = fs
    .readdirSync(join(packageRoot, 'samples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('_state'))
  const extensions = new Set(names.map((name) => /\.(\w+)$/.exec(name)?.[1]))
  for (const extension of ['md', 'markdown', 'html', 'htm', 'txt', 'pdf'])
    t.ok(extensions.has(extension), extension)
})
