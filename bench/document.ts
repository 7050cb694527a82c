import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine, today } from './machine.js'
import { type Section, text } from './table.js'
import { ROOT } from './tools.js'

const FILE = join(ROOT, 'docs/benchmarks.md')

const opening = (name: string) => `<!-- bench:${name} -->`
const closing = (name: string) => `<!-- /bench:${name} -->`

/** What each section says before its tables. */
export interface Described {
  name: string
  line: string
}

/** A section as it stands between its markers. */
export function section({ name, line }: Described, told: Section, command: string): string {
  const origin = `\`${command}\` on ${today()}, Node ${process.version.slice(1)}: ${machine()}.`
  return `## ${name}\n\n${line}.\n\n${origin}\n\n${text(told)}`
}

/** Puts a section in the place of the one before; what stands outside its markers stays. */
export function writeSection(all: readonly Described[], name: string, body: string): void {
  const before = existsSync(FILE) ? readFileSync(FILE, 'utf8') : skeleton(all)
  const whole = all.reduce((page, each) => withMarkers(page, each.name), before)
  const [head, rest] = cut(whole, opening(name))
  const [, tail] = cut(rest, closing(name))
  writeFileSync(FILE, `${head}${opening(name)}\n${body}\n${closing(name)}${tail}`)
}

/** Begins the page anew. */
export function writeIntroduction(all: readonly Described[]): void {
  writeFileSync(FILE, skeleton(all))
}

function withMarkers(page: string, name: string): string {
  return page.includes(opening(name)) ? page : `${page.trimEnd()}\n\n${opening(name)}\n${closing(name)}\n`
}

function cut(page: string, marker: string): [string, string] {
  const at = page.indexOf(marker)
  if (at === -1) throw new Error(`docs/benchmarks.md lacks ${marker}`)
  return [page.slice(0, at), page.slice(at + marker.length)]
}

function skeleton(all: readonly Described[]): string {
  const sections = all.map(({ name }) => `${opening(name)}\n${closing(name)}\n`)
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

const INTRODUCTION = `# Benchmarks

What the program costs, always beside an *anchor*: the least that the work can cost, or the usual way to do it, run on the
same machine in the same minutes. A lone time tells more about the machine than about the program, so what counts are the
ratios.

- **In turns.** All contenders of a table take their turns, A B C A B C and so on; the first round only warms up and is thrown away.
- **Ratios within rounds.** A ratio is the median of the ratios of each round, so that what slowed one round slowed both sides.
  Beside it stand the least and the most of them, and the number of rounds.
- **CPU beside wall time.** CPU is user + system of the whole tree of processes: of ended ones by a small launcher that waits
  for all of them, of running ones as the kernel counts it per thread. On a busy machine it is steady to some 3 %, wall time to some 15 %.
- **Memory** is the sum of the resident memory (\`VmRSS\`) of a tree; what its processes share counts for each. A peak is the most
  of looks every 10 ms, in rounds of its own, so that looking costs nothing elsewhere.
- **must** and **goal** are this project's own targets for a ratio. They were set on a machine with 2 processors.

The reports are made up (\`bench/corpus.ts\`): 80 % Markdown, 15 % HTML, 5 % text, of some 6 KiB (from 100 000 on of 2 KiB),
the same bytes, names and times on every machine. They are never written to: what changes is a report in a base of its own
beside them.

| anchor | what it does |
| --- | --- |
| find -printf | asks each file for its size and times |
| C heads | opens each file, asks for its size, reads 4 KiB, closes it (\`bench/programs/heads.c\`) |
| rg -j1 -m1 | ripgrep looks for the first \`title:\` of each file, with one thread |
| node -e 0 | starts Node and ends |
| naive Node, naive Python | read all files whole, one after the other; gray-matter, PyYAML |
| durable write | writes the manifest's bytes: write, fsync, rename, fsync of the folder |
| bare Fastify | a route that answers a constant Buffer and compares one ETag |

\`npm run bench\` lists the benchmarks, \`npm run bench -- NAME\` runs one, \`npm run bench -- all\` runs all and writes this page.
What is not installed (rg, nginx, rclone, strace, a C compiler, libfuse3) is left out, and said so.
`
