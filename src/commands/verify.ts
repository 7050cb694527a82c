import { readFile } from 'node:fs/promises'
import { ReportsIndexClient } from '../client/index.js'
import type { Listing } from '../schemas/listing.js'
import type { Difference, Verification } from '../schemas/verify.js'
import { SettingError } from '../services/errors.js'
import type { Settings } from '../services/settings.js'
import { countsOf, differencesOf } from '../services/verify.js'
import { commit, version } from '../surroundings.js'
import { builderForOne, startProbe, viewOf } from '../wiring.js'
import { onStop } from './signals.js'
import { verificationText } from './verify-text.js'

export interface VerifyFlags {
  json: boolean
  url: string | undefined
}

/** So many differences are told; so often it is compared anew where the manifest changes meanwhile. */
const MOST_TOLD = 20
const MOST_TRIES = 3

/** A listing as it was seen somewhere. */
interface Seen {
  etag: string | null
  reports: readonly unknown[]
  seconds: number | null
  /** Why it can not be relied on. */
  problem?: string
}

/**
 * Compares the manifest, and a running service, with what is on disk. Writes nothing.
 * @returns the exit code
 */
export async function verifyCommand(settings: Settings, { json, url }: VerifyFlags): Promise<number> {
  const serviceUrl = url === undefined ? undefined : serviceIn(url)
  const verification = await verify(settings, serviceUrl)
  process.stdout.write(
    json ? `${JSON.stringify(verification, null, 2)}\n` : verificationText(verification, serviceUrl)
  )
  return verification.status === 'ok' ? 0 : 1
}

function serviceIn(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol))
    return url.href.replace(/[?#].*/, '').replace(/\/(?:reports-index)?\/?$/, '')
  throw new SettingError(
    `--url is ${JSON.stringify(text)}; allowed: where a service answers, http://… or https://…`
  )
}

async function verify(settings: Settings, url: string | undefined): Promise<Verification> {
  const warned: string[] = []
  const builder = await builderForOne(settings, {
    progress() {},
    warn: (message) => warned.push(message),
    lastGood: () => undefined
  })
  onStop(() => {
    void builder.stop()
    process.exit(1)
  })
  try {
    for (let tries = 1; ; tries++) {
      const before = await readManifest(settings)
      const { result, seconds } = await timed(() =>
        builder.scan({ mode: 'full', paths: [], acceptRemovals: [] })
      )
      const service = url === undefined ? undefined : await ask(settings, url)
      const manifest = await readManifest(settings)
      // What was written under way is no difference: it is looked at anew.
      if (manifest.etag !== before.etag && tries < MOST_TRIES) continue
      const firstListing = manifest.problem === undefined ? await startAndAsk(settings) : null
      const disk = (JSON.parse(String(result.snapshot?.body)) as Listing).reports
      const differences = [
        ...differencesOf('manifest', disk, manifest.reports),
        ...(service?.problem === undefined && service ? differencesOf('service', disk, service.reports) : [])
      ]
      const problem = manifest.problem ?? service?.problem
      const names = settings.bases.map(({ name }) => name)
      const [onDisk, listed, served] = [disk, manifest.reports, service?.reports ?? []].map((all) =>
        countsOf(names, all)
      )
      return {
        ...statusOf(differences, problem, disk.length, url),
        version,
        commit: commit(),
        verifiedAt: result.result.startedAt,
        etags: { disk: result.result.etag, manifest: manifest.etag, service: service?.etag ?? null },
        seconds: {
          manifestRead: before.seconds,
          scan: seconds,
          firstListing,
          service: service?.seconds ?? null
        },
        bases: [
          ...new Set([...(onDisk?.keys() ?? []), ...(listed?.keys() ?? []), ...(served?.keys() ?? [])])
        ].map((name) => ({
          name,
          disk: onDisk?.get(name) ?? 0,
          manifest: listed?.get(name) ?? 0,
          service: service ? (served?.get(name) ?? 0) : null
        })),
        differences: differences.slice(0, MOST_TOLD),
        differenceCount: differences.length,
        followUps: {
          warnings: result.result.warnings,
          bases: result.result.bases.filter(({ status }) => status !== 'ok')
        }
      }
    }
  } finally {
    await builder.stop()
  }
}

function statusOf(
  differences: readonly Difference[],
  problem: string | undefined,
  count: number,
  url: string | undefined
): Pick<Verification, 'status' | 'message'> {
  if (problem !== undefined) return { status: 'failed', message: problem }
  const what = url === undefined ? 'the manifest says' : 'the manifest and the service say'
  if (differences.length === 0)
    return { status: 'ok', message: `${what} what is on disk: ${count} reports, every field, in order` }
  const where = [...new Set(differences.map((each) => each.where))].join(' and ')
  return { status: 'differs', message: `the ${where} and the disk differ in ${differences.length} places` }
}

async function readManifest(settings: Settings): Promise<Seen> {
  const view = viewOf(settings, settings.timeoutMs)
  const { result, seconds } = await timed(() => view.look())
  view.close()
  const { seen } = result
  if (seen.state === 'ok') {
    const { reports } = JSON.parse(seen.snapshot.body.toString('utf8')) as Listing
    return { etag: seen.snapshot.etag, reports, seconds }
  }
  const reports = seen.state === 'corrupt' ? await readAnyway(settings.manifest) : []
  return { etag: null, reports, seconds: null, problem: `there is no usable manifest: ${seen.reason}` }
}

/** The entries of a manifest that nobody trusts, so that it can be told what is wrong in it. */
async function readAnyway(path: string): Promise<readonly unknown[]> {
  try {
    const { reports } = JSON.parse(await readFile(path, 'utf8')) as { reports: unknown }
    return Array.isArray(reports) ? reports : []
  } catch {
    return []
  }
}

async function ask(settings: Settings, baseUrl: string): Promise<Seen> {
  const { readToken } = settings
  const client = new ReportsIndexClient({ baseUrl, ...(readToken !== undefined && { readToken }) })
  try {
    const { result, seconds } = await timed(() => client.list())
    return { etag: result.etag, reports: result.reports, seconds }
  } catch (error) {
    const problem = `the service at ${baseUrl} gives no listing: ${(error as Error).message}`
    return { etag: null, reports: [], seconds: null, problem }
  }
}

/** Seconds from the start of a new process to the end of its first listing. */
async function startAndAsk(settings: Settings): Promise<number | null> {
  const began = performance.now()
  const probe = startProbe(settings)
  try {
    const answer = await fetch(`${await probe.url}/reports-index`)
    await answer.arrayBuffer()
    return answer.ok ? secondsSince(began) : null
  } catch {
    return null
  } finally {
    probe.stop()
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const began = performance.now()
  return { result: await work(), seconds: secondsSince(began) }
}

function secondsSince(began: number): number {
  return Math.round(performance.now() - began) / 1000
}
