import * as build from './build.js'
import * as calls from './calls.js'
import { type Described, section, writeIntroduction, writeSection } from './document.js'
import { endInGoodOrder, scope, tell } from './ending.js'
import * as growth from './growth.js'
import * as hang from './hang.js'
import * as http from './http.js'
import * as leaks from './leaks.js'
import * as memory from './memory.js'
import { type Options, readOptions, USAGE } from './options.js'
import * as refresh from './refresh.js'
import * as slow from './slow.js'
import * as start from './start.js'
import * as swap from './swap.js'
import { type Section, text } from './table.js'
import { leftOut } from './tools.js'

interface Benchmark extends Described {
  measure(options: Options): Promise<Section>
}

const benchmarks: Benchmark[] = Object.entries({
  build,
  refresh,
  start,
  memory,
  http,
  swap,
  slow,
  hang,
  growth,
  calls,
  leaks
}).map(([name, module]) => ({
  name,
  ...module
}))

async function measured(benchmark: Benchmark, options: Options, write: boolean): Promise<void> {
  tell(benchmark.name)
  const told = await scope(() => benchmark.measure(options))
  const out = leftOut()
  const whole = { ...told, notes: [...told.notes, ...out.map((line) => `${line}.`)] }
  console.log(`${benchmark.name}\n\n${text(whole)}`)
  if (write) writeSection(benchmarks, benchmark.name, section(benchmark, whole, commandLine(benchmark.name)))
}

function commandLine(name: string): string {
  const options = process.argv.slice(3).filter((each) => each !== '--write' && each !== 'all')
  return ['npm run bench --', name, ...options].join(' ')
}

function list(): void {
  const width = Math.max(...benchmarks.map(({ name }) => name.length))
  const lines = benchmarks.map((each) => `  ${each.name.padEnd(width)}  ${each.line}`)
  console.log(`${USAGE}\n${lines.join('\n')}\n  ${'all'.padEnd(width)}  All of them`)
}

async function main(options: Options): Promise<void> {
  const { name } = options
  if (name === undefined) return list()
  if (name === 'all') {
    writeIntroduction(benchmarks)
    for (const each of benchmarks) await measured(each, options, true).catch(failed)
    return
  }
  const benchmark = benchmarks.find((each) => each.name === name)
  if (!benchmark) throw new Error(`there is no benchmark "${name}"; without a name they are listed`)
  await measured(benchmark, options, options.write)
}

/** One that fails costs only its own section. */
function failed(error: Error): void {
  console.error(error.message)
  process.exitCode = 1
}

endInGoodOrder()
try {
  await main(readOptions(process.argv.slice(2)))
} catch (error) {
  failed(error as Error)
}
