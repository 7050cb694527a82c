import type { BaseStatus } from '../schemas/base-status.js'
import type { Entry } from '../schemas/entry.js'
import type { Difference, Verification } from '../schemas/verify.js'
import { type BlindSpots, blindSentence, isSighted } from '../services/blind-spots.js'
import type { Built } from '../services/builder-messages.js'
import type { Settings } from '../services/settings.js'
import { countsOf } from '../services/verify.js'
import { commit, version } from '../surroundings.js'

/** So many differences are told. */
const MOST_TOLD = 20

/** A listing as it was seen somewhere; without reports where it could not be read. */
export interface Seen {
  etag: string | null
  reports?: readonly unknown[]
  seconds: number | null
  /** Why it can not be relied on. */
  problem?: string
  /** What its own head says wrongly. */
  head?: Difference[]
}

/** One look at everything. */
export interface Looked {
  built: Built
  disk: readonly Entry[]
  scanSeconds: number
  manifest: Seen
  service: Seen | undefined
  /** What could not be looked at on disk. */
  blind: BlindSpots
  differences: Difference[]
}

/** How a new process began. */
export interface Probed {
  seconds: number | null
  problem?: string
}

/** Puts the evidence together. */
export function verificationOf(
  { bases: named }: Settings,
  { built, disk, scanSeconds, manifest, service, blind, differences }: Looked,
  probed: Probed | undefined,
  url: string | undefined
): Verification {
  const { etag, warnings, bases, startedAt } = built.result
  const away = bases.filter(({ status }) => status !== 'ok')
  const problem = manifest.problem ?? service?.problem ?? probed?.problem
  return {
    ...(problem === undefined
      ? statusOf(differences, disk.length, bases, blind, url)
      : { status: 'failed', message: problem }),
    version,
    commit: commit(),
    verifiedAt: startedAt,
    etags: { disk: etag, manifest: manifest.etag, service: service?.etag ?? null },
    seconds: {
      manifestRead: manifest.seconds,
      scan: scanSeconds,
      firstListing: probed?.seconds ?? null,
      service: service?.seconds ?? null
    },
    bases: countsIn(
      named.map(({ name }) => name),
      blind.bases,
      { disk: { reports: disk }, manifest, service }
    ),
    differences: differences.slice(0, MOST_TOLD),
    differenceCount: differences.length,
    followUps: { warnings, bases: away }
  }
}

/** What there is to tell where nothing could be compared. */
export function failed(message: string): Verification {
  return {
    status: 'failed',
    message,
    version,
    commit: commit(),
    verifiedAt: '',
    etags: { disk: '', manifest: null, service: null },
    seconds: { manifestRead: null, scan: null, firstListing: null, service: null },
    bases: [],
    differences: [],
    differenceCount: 0,
    followUps: { warnings: [], bases: [] }
  }
}

function statusOf(
  differences: readonly Difference[],
  count: number,
  bases: readonly BaseStatus[],
  blind: BlindSpots,
  url: string | undefined
): Pick<Verification, 'status' | 'message'> {
  const looked = bases.filter(({ status }) => status === 'ok')
  if (looked.length === 0)
    return { status: 'failed', message: 'no base could be looked at, so nothing is compared' }
  if (differences.length > 0) {
    const where = [...new Set(differences.map((each) => `the ${each.where}`))].join(' and ')
    const many = differences.length === 1 ? 'in one place' : `in ${differences.length} places`
    return {
      status: 'differs',
      message: `${where} ${where.includes(' and ') ? 'differ' : 'differs'} from the disk ${many}`
    }
  }
  const what = url === undefined ? 'the manifest says' : 'the manifest and the service say'
  const message = `${what} what is on disk: ${count} reports, every field, in order`
  if (isSighted(blind)) return { status: 'ok', message }
  return { status: 'incomplete', message: `${blindSentence(blind)}; as far as was looked, ${message}` }
}

function countsIn(
  names: readonly string[],
  away: ReadonlySet<string>,
  seen: Record<'disk' | 'manifest', Pick<Seen, 'reports'>> & { service: Pick<Seen, 'reports'> | undefined }
): Verification['bases'] {
  const counted = (where: Pick<Seen, 'reports'> | undefined) =>
    where?.reports && countsOf(names, where.reports)
  const [disk, manifest, service] = [seen.disk, seen.manifest, seen.service].map(counted)
  const all = new Set([disk, manifest, service].flatMap((counts) => [...(counts?.keys() ?? [])]))
  const countIn = (counts: Map<string, number> | undefined, name: string) =>
    counts ? (counts.get(name) ?? 0) : null
  return [...all].map((name) => ({
    name,
    disk: away.has(name) ? null : countIn(disk, name),
    manifest: countIn(manifest, name),
    service: countIn(service, name)
  }))
}
