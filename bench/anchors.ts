import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from './process.js'
import type { Contender } from './rounds.js'
import { compiled, has, output, script, skip, source } from './tools.js'

/** Asking each file for its size and times: the least that a look for changes has to do. */
export const FIND = 'find -printf'
/** Opening each file and reading its first 4 KiB: the least that a full build has to do. */
export const HEADS = 'C heads'
export const RG = 'rg -j1 -m1'
export const NODE = 'node -e 0'
export const NAIVE_NODE = 'naive Node'
export const NAIVE_PYTHON = 'naive Python'
export const DURABLE = 'durable write'
export const BARE = 'bare Fastify'

export function find(folders: string[]): Command[] {
  if (!has('find')) return missing(FIND)
  return [
    { name: FIND, program: 'find', args: [...folders, '-type', 'f', '-printf', String.raw`%s %T@ %C@ %p\n`] }
  ]
}

export function heads(folders: string[]): Command[] {
  const program = compiled('heads')
  return program ? [{ name: HEADS, program, args: folders }] : missing(HEADS, 'there is no cc')
}

export function ripgrep(folders: string[]): Command[] {
  if (!has('rg')) return missing(RG)
  return [{ name: RG, program: 'rg', args: ['-j1', '-m1', '^title:', ...folders], fine: [0, 1] }]
}

export const nodeStart = (): Command[] => [{ name: NODE, program: process.execPath, args: ['-e', '0'] }]

export function naive(folder: string, state: string): Command[] {
  const file = join(state, 'naive.json')
  const node = { name: NAIVE_NODE, program: process.execPath, args: [script('naive-scan'), folder, file] }
  // by its real path: a version manager's own start would count, too
  const python = output('python3', ['-c', 'import sys; print(sys.executable)'])
  if (!python) return [node, ...missing(NAIVE_PYTHON)]
  return [node, { name: NAIVE_PYTHON, program: python, args: [source('naive_scan.py'), folder, file] }]
}

function missing(name: string, why = 'it is not installed'): [] {
  skip(name, why)
  return []
}

/** What it costs to put the same bytes on the disk for good: write, fsync, rename, fsync of the folder. */
export function durableWrite(file: string): Contender {
  const bytes = readFileSync(file)
  const target = join(dirname(file), 'durable.json')
  return {
    name: DURABLE,
    async run() {
      const before = process.cpuUsage()
      const began = performance.now()
      writeDurably(target, bytes)
      const ms = performance.now() - began
      const { user, system } = process.cpuUsage(before)
      return { ms, cpu: (user + system) / 1000 }
    }
  }
}

function writeDurably(target: string, bytes: Buffer): void {
  const staged = `${target}.new`
  const file = openSync(staged, 'w')
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
  fsyncSync(file)
  closeSync(file)
  renameSync(staged, target)
  const folder = openSync(dirname(target), 'r')
  fsyncSync(folder)
  closeSync(folder)
}
