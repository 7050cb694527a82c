import { readFile } from 'node:fs/promises'
import { ReportsIndexClient } from '../client/index.js'
import type { Entry } from '../schemas/entry.js'
import type { Listing } from '../schemas/listing.js'
import type { Difference, Verification } from '../schemas/verify.js'
import { type BlindSpots, blindSpotsOf, isBlindTo, isSighted } from '../services/blind-spots.js'
import { SettingError } from '../services/errors.js'
import type { BuilderProcess } from '../services/io/builder-process.js'
import type { Settings } from '../services/settings.js'
import { digestIn } from '../services/tag.js'
import { differencesOf, headDifferencesOf, inBoth } from '../services/verify.js'
import { builderForOne, startProbe, viewOf } from '../wiring.js'
import { onStop } from './signals.js'
import { failed, type Looked, type Probed, type Seen, verificationOf } from './verification.js'
import { verificationText } from './verify-text.js'

export interface VerifyFlags {
  json: boolean
  url: string | undefined
}

/**
 * Compares the manifest, and a running service, with what is on disk. Writes nothing.
 * @returns the exit code
 */
export async function verifyCommand(settings: Settings, { json, url }: VerifyFlags): Promise<number> {
  const serviceUrl = url === undefined ? undefined : serviceIn(url)
  const verification = await verify(settings, serviceUrl).catch((error: Error) => failed(error.message))
  process.stdout.write(
    json ? `${JSON.stringify(verification, null, 2)}\n` : verificationText(verification, serviceUrl)
  )
  return verification.status === 'ok' ? 0 : 1
}

function serviceIn(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username + url.password !== '')
    throw new SettingError(
      '--url has a name or a password in it; allowed: none, but REPORTS_INDEX_READ_TOKEN'
    )
  if (url && /^https?:$/.test(url.protocol))
    return url.href.replace(/[?#].*/, '').replace(/\/*(?:reports-index)?\/*$/, '')
  throw new SettingError(
    `--url is ${JSON.stringify(text)}; allowed: where a service answers, http://… or https://…`
  )
}

async function verify(settings: Settings, url: string | undefined): Promise<Verification> {
  const builder = await builderForOne(settings, { progress() {}, warn() {}, lastGood: () => undefined })
  onStop(() => {
    void builder.stop()
    process.exit(1)
  })
  try {
    const first = await look(settings, builder, url)
    const isSame = first.differences.length === 0
    const last = isSame ? first : await look(settings, builder, url)
    const probed =
      last.manifest.problem === undefined ? await startAndAsk(settings, last.manifest.etag) : undefined
    const differences = isSame ? [] : inBoth(first.differences, last.differences)
    return verificationOf(settings, { ...last, differences }, probed, url)
  } finally {
    await builder.stop()
  }
}

async function look(
  settings: Settings,
  builder: Pick<BuilderProcess, 'scan'>,
  url: string | undefined
): Promise<Looked> {
  const manifest = await readManifest(settings)
  const { result: built, seconds } = await timed(() =>
    builder.scan({ mode: 'full', paths: [], acceptRemovals: [], isAlone: true })
  )
  const service = url === undefined ? undefined : await ask(settings, url)
  const disk = (JSON.parse(String(built.snapshot?.body)) as Listing).reports
  const blind = blindSpotsOf(built.result, [manifest, service])
  const told = { disk, digest: built.result.etag, blind }
  const differences = [
    ...differencesIn('manifest', told, manifest),
    ...(manifest.head ?? []),
    ...(service ? differencesIn('service', told, service) : [])
  ]
  return { built, disk, scanSeconds: seconds, manifest, service, blind, differences }
}

function differencesIn(
  where: Difference['where'],
  { disk, digest, blind }: { disk: readonly Entry[]; digest: string; blind: BlindSpots },
  seen: Seen
): Difference[] {
  if (!seen.reports) return []
  const differences = differencesOf(where, disk, seen.reports).filter((each) => !isBlindTo(blind, each))
  const isComparable = seen.etag !== null && isSighted(blind)
  if (differences.length > 0 || !isComparable || seen.etag === digest) return differences
  return [{ where, base: '', rel: '', kind: 'bytes', onDisk: digest, found: seen.etag }]
}

async function readManifest(settings: Settings): Promise<Seen> {
  const view = viewOf(settings, settings.timeoutMs)
  const { result, seconds } = await timed(() => view.look())
  view.close()
  const { seen } = result
  if (seen.state === 'ok') {
    const { etag, body, bases } = seen.snapshot
    const { reports } = JSON.parse(body.toString('utf8')) as Listing
    return { etag, reports, seconds, head: headDifferencesOf(bases, reports) }
  }
  const reports = seen.state === 'corrupt' ? await readAnyway(settings.manifest) : undefined
  return {
    etag: null,
    ...(reports && { reports }),
    seconds: null,
    problem: `there is no usable manifest: ${seen.reason}`
  }
}

/** The entries of a manifest that nobody trusts, so that it can be told what is wrong in it. */
async function readAnyway(path: string): Promise<readonly unknown[] | undefined> {
  try {
    const { reports } = JSON.parse(await readFile(path, 'utf8')) as { reports: unknown }
    return Array.isArray(reports) ? reports : undefined
  } catch {
    return undefined
  }
}

async function ask(settings: Settings, baseUrl: string): Promise<Seen> {
  const { readToken } = settings
  const client = new ReportsIndexClient({ baseUrl, ...(readToken !== undefined && { readToken }) })
  try {
    const { result, seconds } = await timed(() => client.list())
    return { etag: result.etag, reports: result.reports, seconds }
  } catch (error) {
    return {
      etag: null,
      seconds: null,
      problem: `the service at ${baseUrl} gives no listing: ${(error as Error).message}`
    }
  }
}

/** How long a new process takes from its start to the end of its first listing, and what is wrong with that. */
async function startAndAsk(settings: Settings, etag: string | null): Promise<Probed> {
  const began = performance.now()
  const probe = startProbe(settings)
  try {
    const answer = await fetch(`${await probe.url}/reports-index`)
    await answer.arrayBuffer()
    const seconds = secondsSince(began)
    const isSame = answer.ok && digestIn(answer.headers.get('etag') ?? '') === etag
    const problem = answer.ok
      ? 'a new process serves another listing than the manifest'
      : `a new process answers ${answer.status}`
    return { seconds, ...(isSame ? {} : { problem }) }
  } catch (error) {
    return { seconds: null, problem: `a new process does not start: ${(error as Error).message}` }
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
