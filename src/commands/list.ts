import { Value } from '@sinclair/typebox/value'
import type { Entry } from '../schemas/entry.js'
import { Filter, type Listing } from '../schemas/listing.js'
import { parseDate } from '../services/date.js'
import { SettingError } from '../services/errors.js'
import { filterEntries } from '../services/listing.js'
import type { Settings } from '../services/settings.js'
import { viewOf } from '../wiring.js'
import { lineOf, tableOf } from './table.js'

export interface ListFlags {
  json: boolean
  in: string[] | undefined
  type: string[] | undefined
  q: string | undefined
  from: string | undefined
  to: string | undefined
  limit: string | undefined
}

/**
 * The listing from the manifest.
 * @returns the exit code
 */
export async function listCommand(settings: Settings, flags: ListFlags): Promise<number> {
  const filter = filterOf(flags)
  const reports = await readListing(settings)
  if (typeof reports === 'string') {
    process.stderr.write(`no usable manifest at ${settings.manifest}: ${reports}\n`)
    return 1
  }
  const matching = filterEntries(reports, filter)
  const shown = matching.slice(0, filter.limit)
  if (flags.json) {
    process.stdout.write(
      `${JSON.stringify({ total: matching.length, count: shown.length, reports: shown })}\n`
    )
    return 0
  }
  if (process.stdout.isTTY)
    process.stdout.write(tableOf(shown, matching.length, process.stdout.columns || 80))
  else for (const entry of shown) process.stdout.write(lineOf(entry))
  return 0
}

function filterOf({ json: _json, in: base, limit, ...rest }: ListFlags): Filter {
  const given = {
    ...rest,
    base,
    limit: limit === undefined ? undefined : /^\d+$/.test(limit) ? Number(limit) : Number.NaN
  }
  for (const [name, text] of Object.entries({ from: rest.from, to: rest.to })) {
    if (text !== undefined && parseDate(text.slice(0, 10)) !== text) wrong(name, text, 'a day, YYYY-MM-DD')
  }
  const filter = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (!Value.Check(Filter, filter)) wrong('limit', limit, 'a whole number from 1 to 10000')
  return filter
}

function wrong(flag: string, text: string | undefined, allowed: string): never {
  throw new SettingError(`--${flag} is ${JSON.stringify(text)}; allowed: ${allowed}`)
}

async function readListing(settings: Settings): Promise<Entry[] | string> {
  const view = viewOf(settings, settings.timeoutMs)
  const { seen } = await view.look()
  view.close()
  if (seen.state !== 'ok') {
    const canBeMade = seen.state === 'missing' || seen.state === 'corrupt'
    return canBeMade ? `${seen.reason}; "reports-index build" makes one` : seen.reason
  }
  const listing: Listing = JSON.parse(seen.snapshot.body.toString('utf8'))
  return listing.reports
}
