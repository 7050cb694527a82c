import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Tick } from '../job.js'

const start = startOfHost()

/** Now, by the clock that all processes of the host share and that never goes back. */
export function tick(): Tick {
  return `${start}:${process.hrtime.bigint()}` as Tick
}

/** Which start of the host this is; where that can not be told, no process knows another's moments. */
function startOfHost(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return randomUUID()
  }
}
