import { readdirSync, readFileSync } from 'node:fs'
import { childrenOf } from '../test/support.js'

const TICK_MS = 10

/** A process and all that it started and they started, as far as they live. */
export function treeOf(pid: number): number[] {
  try {
    return [pid, ...childrenOf(pid).flatMap(treeOf)]
  } catch {
    return []
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}

/** Resident memory of one process, in MB. */
export function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) / 1024
}

/** Resident memory of a process and those below it: what they share counts for each. */
export function residentMbOfTree(pid: number): number {
  return treeOf(pid).reduce((total, each) => total + residentMb(each), 0)
}

/** CPU that the living ones of a tree have used, and the ended children of its root; milliseconds. */
export function cpuMsOfTree(pid: number): number {
  const fields = textOf(`/proc/${pid}/stat`).split(') ').pop()?.split(' ') ?? []
  const ended = (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * TICK_MS
  return treeOf(pid).reduce((total, each) => total + cpuMsOf(each), ended)
}

/** To the nanosecond where the kernel keeps it so: ticks of 10 ms are too coarse for a refresh. */
function cpuMsOf(pid: number): number {
  let total = 0
  for (const task of namesIn(`/proc/${pid}/task`)) {
    const precise = textOf(`/proc/${pid}/task/${task}/schedstat`)
    if (!precise) return ticksOf(pid)
    total += Number(precise.split(' ')[0]) / 1e6
  }
  return total
}

function ticksOf(pid: number): number {
  const fields = textOf(`/proc/${pid}/stat`).split(') ').pop()?.split(' ') ?? []
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_MS
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
