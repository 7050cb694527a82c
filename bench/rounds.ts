import { tell } from './ending.js'
import { type Spread, spread } from './statistics.js'

/** What one run told: `ms`, `cpu` and the like. */
export type Measures = Record<string, number>

export interface Contender {
  name: string
  run(): Promise<Measures>
}

/** What several contenders told, round by round. */
export class Runs {
  readonly #told: ReadonlyMap<string, readonly Measures[]>

  constructor(told: ReadonlyMap<string, readonly Measures[]>) {
    this.#told = told
  }

  get names(): string[] {
    return [...this.#told.keys()]
  }

  has(name: string): boolean {
    return this.#told.has(name)
  }

  values(name: string, key: string): number[] {
    return (this.#told.get(name) ?? []).map((measures) => measures[key] ?? Number.NaN)
  }

  of(name: string, key: string): Spread {
    return spread(this.values(name, key))
  }

  /** Together with what others told. */
  and(others: Runs): Runs {
    return new Runs(new Map([...this.#told, ...others.#told]))
  }

  /** Of the ratios within each round: what slowed one round down slowed both. */
  ratio(name: string, anchor: string, key: string): Spread {
    const anchors = this.values(anchor, key)
    return spread(this.values(name, key).map((value, round) => value / (anchors[round] as number)))
  }
}

/** All contenders in turns, A B C A B C and so on; the first round only warms up. */
export async function inTurns(contenders: readonly Contender[], rounds: number): Promise<Runs> {
  const told = new Map<string, Measures[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of contenders) {
      const measures = await run()
      if (round > 0) told.get(name)?.push(measures)
    }
    tell(round === 0 ? 'warm' : `round ${round} of ${rounds}`)
  }
  return new Runs(told)
}
