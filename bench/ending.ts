import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Undo = () => unknown

const undos: Undo[] = []
let interrupted = false

/** To be undone when the scope around it ends, or on Ctrl-C; what came last goes first. */
export function atEnd(undo: Undo): void {
  undos.push(undo)
}

async function undoDownTo(mark: number): Promise<void> {
  while (undos.length > mark) {
    try {
      await undos.pop()?.()
    } catch (error) {
      tell(`not cleaned up: ${(error as Error).message}`)
    }
  }
}

/** Undoes at its end what was begun in it. */
export async function scope<T>(work: () => Promise<T>): Promise<T> {
  const mark = undos.length
  try {
    return await work()
  } finally {
    // an interruption undoes all of it itself, and ends the process
    if (interrupted) await new Promise(() => {})
    await undoDownTo(mark)
  }
}

export function endInGoodOrder(): void {
  const end = (code: number) => {
    if (interrupted) return
    interrupted = true
    void undoDownTo(0).then(() => process.exit(code))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(130))
  process.on('uncaughtException', (error) => {
    tell(error.message)
    end(1)
  })
}

/** A folder of its own, gone with the scope around it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'reports-index-bench-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return folder
}

/** How far it is, apart from what it prints in the end. */
export function tell(line: string): void {
  process.stderr.write(`  ${line}\n`)
}
