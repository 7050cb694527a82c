import { Value } from '@sinclair/typebox/value'
import { Status } from '../schemas/manifest.js'
import { isMoment } from './date.js'

/** Where the companion of a manifest lies: `NAME.status.json` for `NAME.json`. */
export function statusPathOf(manifestPath: string): string {
  return `${manifestPath.replace(/(?<=[^/])\.json$/, '')}.status.json`
}

/** Where a manifest that cannot be used is kept: `NAME.json.bad`. */
export function asidePathOf(manifestPath: string): string {
  return `${manifestPath}.bad`
}

/** Reads a companion; undefined where it is not one. */
export function readStatus(text: string): Status | undefined {
  try {
    const status: unknown = JSON.parse(text)
    return Value.Check(Status, status) && momentsIn(status).every(isMoment) ? status : undefined
  } catch {
    return undefined
  }
}

function momentsIn({ startedAt, checkedAt, bases, doubts = [] }: Status): string[] {
  const scanned = bases.map(({ scannedAt }) => scannedAt ?? checkedAt)
  return [startedAt, checkedAt, ...scanned, ...doubts.map(({ since }) => since)]
}
