import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tell, temporaryFolder } from './ending.js'

/** Of the project: this file runs from two folders below it. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const CLI = join(ROOT, 'dist/cli.js')

const missed = new Set<string>()

/** What is not there is left out, with one line for all that needs it. */
export function skip(what: string, why: string): void {
  const line = `${what} is left out: ${why}`
  if (!missed.has(line)) tell(line)
  missed.add(line)
}

/** All that was left out since this was last asked. */
export function leftOut(): string[] {
  const lines = [...missed]
  missed.clear()
  return lines
}

export function has(program: string): boolean {
  return output('sh', ['-c', `command -v ${program}`]) !== undefined
}

/** What a program prints; undefined where it is not there or fails. */
export function output(program: string, args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** A program that is compiled to JavaScript with the rest. */
export const script = (name: string) => fileURLToPath(new URL(`programs/${name}.js`, import.meta.url))

/** A program that is run or compiled from its source. */
export const source = (name: string) => join(ROOT, 'bench/programs', name)

/** Compiles a C program; undefined where there is no compiler, or not what it needs. */
export function compiled(name: string, flags: string[] = []): string | undefined {
  const program = join(temporaryFolder(), name)
  if (output('cc', ['-O2', '-o', program, source(`${name}.c`), ...flags]) === undefined) return undefined
  return program
}
