import type { Difference, Verification } from '../schemas/verify.js'
import { printable } from './printable.js'
import { columns, paint } from './terminal.js'

const WARNINGS_SHOWN = 10

/** The evidence, for a person. */
export function verificationText(verification: Verification, url: string | undefined): string {
  const { status, message, version, commit, seconds, bases, differences, differenceCount, followUps } =
    verification
  const colour = status === 'ok' ? 'green' : 'red'
  const lines = [
    `${paint('bold', 'STATUS')} ${paint(colour, status.toUpperCase())}: ${printable(message)}`,
    `reports-index ${version}, commit ${commit}`,
    `seconds: manifest read ${said(seconds.manifestRead)}, scan ${said(seconds.scan)}, first listing of a new process ` +
      `${said(seconds.firstListing)}${url === undefined ? '' : `, service ${said(seconds.service)}`}`,
    'reports:'
  ]
  const heads = ['  base', 'disk', 'manifest', ...(url === undefined ? [] : ['service'])]
  const rows = bases.map(({ name, disk, manifest, service }) => [
    `  ${printable(name)}`,
    ...[disk, manifest, ...(url === undefined ? [] : [service])].map((count) => String(count ?? '-'))
  ])
  lines.push(columns([heads, ...rows]).trimEnd())
  lines.push(differenceCount === 0 ? 'differences: none' : `differences: ${differenceCount}`)
  lines.push(...differences.map((each) => `  ${printable(sentenceOf(each))}`))
  if (differenceCount > differences.length) lines.push(`  … and ${differenceCount - differences.length} more`)
  lines.push(...followUpLines(followUps))
  return `${lines.join('\n')}\n`
}

function said(seconds: number | null): string {
  return seconds === null ? '-' : seconds.toFixed(3)
}

function sentenceOf({ where, base, rel, kind, field, onDisk, found }: Difference): string {
  const report = `${base}/${rel}`
  if (kind === 'missing') return `${report}: on disk, missing in the ${where}`
  if (kind === 'extra') return `${report}: in the ${where}, not on disk`
  if (kind === 'count')
    return `the base ${base}: the ${where} tells of ${String(found)} reports, and holds ${String(onDisk)}`
  if (kind === 'bytes') return `the ${where}: every field is the same, but not its digest (${String(found)})`
  if (kind === 'order')
    return `${report}: out of order in the ${where}; ${String(onDisk)} belongs in its place`
  return `${report}: ${field} is ${JSON.stringify(found)} in the ${where}, ${JSON.stringify(onDisk)} on disk`
}

function followUpLines({ warnings, bases }: Verification['followUps']): string[] {
  if (warnings.length + bases.length === 0) return ['follow-ups: none']
  const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`
  const lines = [
    `follow-ups: ${counted(warnings.length, 'warning')}, ${counted(bases.length, 'base')} not ok`
  ]
  for (const { name, status, error } of bases) lines.push(printable(`  base ${name} is ${status}: ${error}`))
  for (const { code, base, rel, line, message } of warnings.slice(0, WARNINGS_SHOWN))
    lines.push(printable(`  ${code}  ${base}/${rel}${line === undefined ? '' : `:${line}`}  ${message}`))
  if (warnings.length > WARNINGS_SHOWN)
    lines.push(`  … and ${warnings.length - WARNINGS_SHOWN} more warnings`)
  return lines
}
