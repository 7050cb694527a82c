import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isLocal, readMounts } from './scan/mounts.js'
import { realPathWithin } from './scan/real-path.js'
import { CALLS_AT_ONCE } from './scan/report-files.js'
import { BuilderProcess, type BuilderProcessOptions, PATIENCE_MS } from './services/io/builder-process.js'
import { Child } from './services/io/child.js'
import { fileLock } from './services/io/lock.js'
import { manifestView } from './services/io/manifest-view.js'
import { Renderer } from './services/io/renderer.js'
import { ReportOpener } from './services/io/report-opener.js'
import { tick } from './services/io/tick.js'
import { builtFrom } from './services/outcome.js'
import type { ProbeTalk } from './services/probe-messages.js'
import type { ManifestView } from './services/reader.js'
import type { Settings } from './services/settings.js'
import { version } from './surroundings.js'

/** Reading the manifest may take so long, in milliseconds. */
const MANIFEST_LIMIT_MS = 250
/** The manifest and its companion are looked at so often without a request, in milliseconds. */
const LOOK_MS = 250

const PROBE_THREADS = 4
/** A builder process that gives no sign for so long hangs; at least, in milliseconds. */
const SILENCE_MS = 30_000

/** The real builder process. */
export function builderProcess(
  settings: Settings,
  listen: Pick<BuilderProcessOptions, 'progress' | 'warn' | 'lastGood'> &
    Partial<Pick<BuilderProcessOptions, 'reader'>>
): BuilderProcess {
  return new BuilderProcess({
    main: new URL('./builder-main.js', import.meta.url),
    settings,
    place: () => placeOf(settings),
    lock: fileLock,
    silenceMs: Math.max(settings.timeoutMs, SILENCE_MS),
    ...listen
  })
}

/**
 * A builder for one build: in this process where nothing that it touches can hang, since a second process takes as long to
 * start as a small build; else the real one.
 */
export async function builderForOne(
  settings: Settings,
  listen: Parameters<typeof builderProcess>[1]
): Promise<Pick<BuilderProcess, 'build' | 'scan' | 'stop'>> {
  const { furnishBuilder } = await import('./builder-house.js')
  const house = furnishBuilder({
    ...listen,
    settings,
    careful: false,
    wasRemote: false,
    lastGood: async () => undefined,
    placing() {},
    isWanted: () => true
  })
  if (!house.isLocal) return builderProcess(settings, listen)
  const over = new AbortController()
  return {
    async build(job) {
      const patience = { ms: PATIENCE_MS, signal: over.signal }
      return await fileLock({ path: house.manifest, local: true }).hold(
        async () => builtFrom(await house.builder.build(job), false),
        async () => undefined,
        patience
      )
    },
    scan: async (job) => builtFrom(await house.builder.build(job, false), true),
    async stop() {
      over.abort()
    }
  }
}

/** Starts a service in a process of its own, which builds nothing; `url` resolves when it listens. */
export function startProbe(settings: Settings): { url: Promise<string>; stop(): void } {
  const { token: _token, readToken: _readToken, ...rest } = settings
  const alone = {
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    corsOrigins: [],
    allowedHosts: [],
    refreshMs: 0
  }
  const probe = new Child<ProbeTalk>({
    main: new URL('./probe-main.js', import.meta.url),
    threads: PROBE_THREADS,
    silenceMs: SILENCE_MS,
    hear() {}
  })
  const url = probe.ask({ settings: { ...rest, ...alone } })
  return { url, stop: () => probe.leave('it was seen') }
}

function placeOf({ manifest }: Settings): { path: string; local: boolean } {
  const mounts = readMounts()
  const path = realPathWithin(manifest, mounts)
  return { path, local: isLocal(path, mounts) }
}

/** The manifest, looked at in such a way that this process never hangs. */
export function viewOf(settings: Settings, limitMs = MANIFEST_LIMIT_MS): ManifestView {
  return manifestView({
    place: () => placeOf(settings),
    looker: new URL('./looker-main.js', import.meta.url),
    limitMs,
    now: () => Date.now()
  })
}

function readPage(): string {
  return readFileSync(new URL('./page.html', import.meta.url), 'utf8')
}

/** In the place of a builder where nothing is to be written. */
function noBuilder(): Pick<BuilderProcess, 'build' | 'findEscape' | 'stop'> {
  const refuse = () => Promise.reject(new Error('this service does not build'))
  return { build: refuse, findEscape: refuse, stop: async () => {} }
}

/**
 * Everything real that the plugins are given.
 * @param builds whether the service may build
 */
export function furnish(settings: Settings, builds: boolean) {
  const now = () => Date.now()
  return {
    house: { settings, version, startedAt: now(), now, readPage },
    guard: { settings, machine: hostname() },
    openapi: { version },
    reader: { view: viewOf(settings), lookMs: LOOK_MS },
    builder: {
      byItself: builds,
      process: (listen: Parameters<typeof builderProcess>[1]) =>
        builds ? builderProcess(settings, listen) : noBuilder(),
      baseNames: settings.bases.map(({ name }) => name),
      now,
      tick
    },
    reports: {
      opener: new ReportOpener({
        main: new URL('./opener-main.js', import.meta.url),
        settings,
        threadsPerBase: CALLS_AT_ONCE
      }),
      renderer: new Renderer(new URL('./renderer-main.js', import.meta.url))
    },
    scheduler: { refreshMs: builds ? settings.refreshMs : 0, now }
  }
}
