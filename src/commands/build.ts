import type { BuildResult } from '../schemas/rebuild.js'
import { OwnBase, UnknownBase, notWritten as whyNotWritten } from '../services/errors.js'
import { DEFERRED, movedNote } from '../services/health.js'
import type { Settings } from '../services/settings.js'
import { builderForOne } from '../wiring.js'
import { printable } from './printable.js'
import { showProgress } from './progress.js'
import { onStop } from './signals.js'

export interface BuildFlags {
  full: boolean
  acceptRemovals: string[]
  forgetBases: string[]
}

const WARNINGS_SHOWN = 20

/**
 * One build in a builder process of its own.
 * @returns the exit code
 */
export async function buildCommand(
  settings: Settings,
  { full, acceptRemovals, forgetBases }: BuildFlags
): Promise<number> {
  for (const name of acceptRemovals) {
    if (!settings.bases.some((base) => base.name === name)) throw new UnknownBase(name)
  }
  const own = forgetBases.find((name) => settings.bases.some((base) => base.name === name))
  if (own !== undefined) throw new OwnBase(own)
  const shown = await showProgress()
  const builder = await builderForOne(settings, {
    progress: shown.tell,
    warn: (message) => process.stderr.write(`${message}\n`),
    lastGood: () => undefined
  })
  const stop = () => {
    shown.end()
    void builder.stop()
    process.exit(1)
  }
  onStop(stop)
  try {
    const {
      result,
      notWritten,
      otherSettings,
      isDeferred,
      moved = []
    } = await builder.build(
      {
        mode: full ? 'full' : 'incremental',
        paths: [],
        acceptRemovals,
        ...(forgetBases.length > 0 && { forgetBases })
      },
      false
    )
    shown.end()
    process.stdout.write(summary(result))
    const notes = [...(otherSettings ?? []), ...(isDeferred ? [DEFERRED] : [])]
    for (const note of [...notes, ...moved.map(movedNote)]) process.stderr.write(`${note}\n`)
    if (notWritten !== undefined) process.stderr.write(`${whyNotWritten(notWritten)}: ${settings.manifest}\n`)
    return notWritten === undefined && notes.length === 0 ? 0 : 1
  } finally {
    shown.end()
    await builder.stop()
  }
}

function summary({
  count,
  added,
  updated,
  removed,
  filesRead,
  skippedLinks,
  durationMs,
  bases,
  warnings
}: BuildResult): string {
  const lines = [
    `${count} reports: ${added} added, ${updated} updated, ${removed} removed; ` +
      `${filesRead} read, ${(durationMs / 1000).toFixed(2)} s`
  ]
  const width = Math.max(...bases.map(({ name }) => name.length))
  for (const base of bases) {
    const error = base.error === null ? '' : `: ${base.error}`
    lines.push(`  ${base.name.padEnd(width)}  ${String(base.count).padStart(7)}  ${base.status}${error}`)
  }
  if (skippedLinks > 0) lines.push(`${skippedLinks} symbolic links were not followed`)
  if (warnings.length > 0) lines.push(warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`)
  for (const { code, base, rel, line, message } of warnings.slice(0, WARNINGS_SHOWN)) {
    lines.push(printable(`  ${code}  ${base}  ${rel}${line === undefined ? '' : `:${line}`}  ${message}`))
  }
  if (warnings.length > WARNINGS_SHOWN) lines.push(`  … and ${warnings.length - WARNINGS_SHOWN} more`)
  return `${lines.join('\n')}\n`
}
