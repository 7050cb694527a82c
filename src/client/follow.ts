import type { Changed, Changes } from '../schemas/changes.js'
import type { Entry } from '../schemas/entry.js'
import { compareEntries } from '../services/order.js'
import { ReportsIndexError } from './errors.js'
import { Patience } from './patience.js'

/** A listing that is followed. */
export interface Followed {
  /** The listing's tag, without quotes. */
  etag: string
  /** All entries, newest first. A new array after every change. */
  reports: readonly Entry[]
  /** What made it of the one before; undefined where it was read whole. */
  changes: Changes | undefined
}

/** What following needs of a client. */
export interface Followable {
  list(
    query: object,
    options: { signal?: AbortSignal | undefined }
  ): Promise<{ etag: string; reports: Entry[] }>
  changes(since: string, options: { signal?: AbortSignal | undefined }): Promise<Changes>
  events(options: { since: string; signal?: AbortSignal | undefined }): AsyncGenerator<Changed>
}

const GONE = 410

/**
 * The whole listing, now and after every change.
 * @param before the listing that is known already: only what changed since is asked for, and told
 */
export async function* follow(
  client: Followable,
  signal: AbortSignal | undefined,
  before?: Pick<Followed, 'etag' | 'reports'>
): AsyncGenerator<Followed> {
  let known: Followed
  if (before) known = { ...before, changes: undefined }
  else yield (known = await untilAnswered(() => whole(client, signal), signal))
  for await (const { etag } of client.events({ since: known.etag, signal })) {
    if (etag === known.etag) continue
    const last = known
    known = await untilAnswered(() => next(client, last, signal), signal)
    if (known.etag !== last.etag) yield known
  }
}

async function whole(client: Followable, signal: AbortSignal | undefined): Promise<Followed> {
  const { etag, reports } = await client.list({}, { signal })
  return { etag, reports, changes: undefined }
}

async function next(
  client: Followable,
  before: Followed,
  signal: AbortSignal | undefined
): Promise<Followed> {
  try {
    const changes = await client.changes(before.etag, { signal })
    return { etag: changes.to, reports: withChanges(before.reports, changes), changes }
  } catch (error) {
    if (!(error instanceof ReportsIndexError) || error.status !== GONE) throw error
    return await whole(client, signal)
  }
}

async function untilAnswered<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const patience = new Patience()
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (signal?.aborted || !(error instanceof ReportsIndexError) || !error.isPassing) throw error
      await patience.wait(signal, (error.retryAfter ?? 0) * 1000)
    }
  }
}

/** Old listing + changes = new listing. */
export function withChanges(
  reports: readonly Entry[],
  { upserted, removed }: Pick<Changes, 'upserted' | 'removed'>
): Entry[] {
  const keyOf = ({ base, rel }: Pick<Entry, 'base' | 'rel'>) => `${base}\0${rel}`
  const changed = new Set([...upserted, ...removed].map(keyOf))
  return [...reports.filter((entry) => !changed.has(keyOf(entry))), ...upserted].toSorted(compareEntries)
}
