import { cpus, release, tmpdir, totalmem, type } from 'node:os'
import { output } from './tools.js'

/** What kind of machine it is, without its name. */
export function machine(): string {
  const all = cpus()
  const model = (all[0]?.model ?? 'an unknown processor').replace(/\s+/g, ' ').trim()
  const disk = output('stat', ['-f', '-c', '%T', tmpdir()])
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB of memory`
  return [`${all.length} × ${model}`, memory, `${type()} ${release()}`, disk && `reports on ${disk}`]
    .filter(Boolean)
    .join(', ')
}

export const today = () => new Date().toISOString().slice(0, 10)
