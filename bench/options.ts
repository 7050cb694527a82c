import { parseArgs } from 'node:util'

export interface Options {
  /** The benchmark; undefined: they are listed. */
  name: string | undefined
  sizes: number[] | undefined
  rounds: number | undefined
  ms: number | undefined
  minutes: number
  delay: number
  builds: number
  million: boolean
  write: boolean
}

export const USAGE = `npm run bench -- NAME [options]

  --sizes N,N    how many reports            --rounds N    how often each takes its turn
  --ms N         how long a turn of clients  --minutes N   memory: how long it waits before it looks (1)
  --delay N      slow: ms a round trip (60)  --builds N    leaks: how many builds (10 000)
  --million      growth: 1 000 000, too      --write       puts the result into docs/benchmarks.md; "all" always does
`

export function readOptions(args: string[]): Options {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      sizes: text,
      rounds: text,
      ms: text,
      minutes: text,
      delay: text,
      builds: text,
      million: flag,
      write: flag
    }
  })
  return {
    name: positionals[0],
    sizes: values.sizes?.split(',').map(number),
    rounds: optional(values.rounds),
    ms: optional(values.ms),
    minutes: optional(values.minutes) ?? 1,
    delay: optional(values.delay) ?? 60,
    builds: optional(values.builds) ?? 10_000,
    million: values.million,
    write: values.write
  }
}

const optional = (text: string | undefined) => (text === undefined ? undefined : number(text))

function number(text: string): number {
  const value = Number(text.replaceAll('_', ''))
  if (!(value > 0)) throw new Error(`not a number above 0: ${text}`)
  return value
}
