import type { BaseStatus } from '../schemas/base-status.js'
import type { Health, ManifestState } from '../schemas/health.js'
import type { Source } from '../schemas/listing.js'
import type { Status } from '../schemas/manifest.js'
import { isForgotten } from './known.js'
import type { Snapshot } from './manifest.js'
import { Queue } from './queue.js'

/** What a reader saw in the manifest's place. */
export type Seen =
  | { state: 'ok'; snapshot: Snapshot }
  | { state: Exclude<ManifestState, 'ok'>; reason: string }

/** What one look told: the same `seen` as before where nothing changed. */
export interface View {
  seen: Seen
  /** The last companion that was read. */
  status?: Status
}

/** The manifest as the serving process sees it. */
export interface ManifestView {
  /**
   * Whether a look would tell nothing new; answers at once.
   * @param caller the connection whose request asks, where it is one: those read in one turn of the event loop share a look
   */
  isCurrent(caller?: object): boolean
  /** Looks at the manifest and its companion: what it tells is as new as the call, or it is late. */
  look(): Promise<View>
  /** Whether looks can be late, so that a build's listing is wanted as it is. */
  readonly canBeLate: boolean
  /**
   * A manifest that this process has written takes its place by this sign: until it is looked at, what is known is as good.
   * @param sign undefined: no more
   */
  expect(sign: string | undefined): void
  /** Gives up what it looks with. */
  close(): void
}

/** The outside of the reader. */
export interface ReaderPorts {
  view: ManifestView
  /** One scan whose listing is handed over, shared by all who ask while it runs. */
  liveScan(): Promise<Snapshot>
  /** The manifest can not be used: a build should mend it. */
  onUnusable(state: ManifestState, reason: string): void
}

/** One listing, ready to be sent. */
export interface Served {
  snapshot: Snapshot
  source: Source
  /** When the last build that made or confirmed it ended, RFC 3339. */
  checkedAt: string
}

function forgetful(base: string): Seen {
  return {
    state: 'corrupt',
    reason: `it was made without ever having seen the base ${base}, of which reports are known here`
  }
}

/** Serves the manifest's listing. It never looks at a base. */
export class Reader {
  readonly #ports: ReaderPorts
  readonly #looks: Queue<undefined, void>
  #state: ManifestState = 'missing'
  #seen: Seen | undefined
  #served: Served | undefined
  #status: Status | undefined
  readonly #listeners: ((snapshot: Snapshot, before: Snapshot | undefined) => void)[] = []

  constructor(ports: ReaderPorts) {
    this.#ports = ports
    this.#looks = new Queue(
      () => this.#look(),
      () => undefined
    )
  }

  /** Tells of each listing that is served from now on, and of the one before it. */
  onChange(listener: (snapshot: Snapshot, before: Snapshot | undefined) => void): void {
    this.#listeners.push(listener)
  }

  /** Whether a listing can be served without a scan. */
  get isReady(): boolean {
    return this.#served !== undefined
  }

  /** The listing as the manifest has it now; else the last good one; else that of a scan. */
  async current(): Promise<Served> {
    await this.refresh()
    if (this.#served) return this.#served
    const snapshot = await this.#ports.liveScan()
    if (!this.#served) this.#serve(snapshot, 'snapshot')
    return { snapshot, source: 'live-scan', checkedAt: this.#checkedAt(snapshot) }
  }

  /**
   * The listing if nothing needs to be waited for.
   * @param caller the connection whose request asks, where it is one
   */
  currentNow(caller?: object): Served | undefined {
    return this.#served && this.#ports.view.isCurrent(caller) ? this.#served : undefined
  }

  /** As the view. */
  expect(sign: string | undefined): void {
    this.#ports.view.expect(sign)
  }

  /** Looks at the manifest and its companion if they changed. */
  async refresh(): Promise<void> {
    if (!this.#ports.view.isCurrent()) await this.#looks.request(undefined).done
  }

  /** Takes what a build has to tell. */
  adoptStatus(status: Status): void {
    this.#status = status
    if (this.#served?.snapshot.etag === status.etag)
      this.#served = { ...this.#served, checkedAt: status.checkedAt }
  }

  /** Takes what a build of this process made: from the manifest, or, where that can not be written, as it is. */
  async afterBuild({ status, snapshot }: { status: Status; snapshot?: Snapshot }): Promise<void> {
    this.adoptStatus(status)
    await this.#looks.request(undefined).done
    if (snapshot && this.#state !== 'ok') this.#serve(snapshot, 'snapshot')
  }

  /** The digest of the listing in the manifest; undefined where it cannot be used, or did not answer. */
  get manifestEtag(): string | undefined {
    return this.#state === 'ok' ? this.#served?.snapshot.etag : undefined
  }

  /** When the build began that health tells of, in milliseconds since 1970; undefined where none is known. */
  get toldAt(): number | undefined {
    return this.#status && Date.parse(this.#status.startedAt)
  }

  /** The last good listing. */
  get lastGood(): Snapshot | undefined {
    return this.#served?.snapshot
  }

  /** Whether the manifest can not be used, or not be relied on, so that the listing of a build is wanted as it is. */
  get wantsListing(): boolean {
    return this.#state !== 'ok' || this.#ports.view.canBeLate
  }

  /** Whether the manifest answers, and can not be used. */
  get wantsMending(): boolean {
    return this.#state !== 'ok' && this.#state !== 'late'
  }

  /** The manifest as health tells it. */
  manifestHealth(nowMs: number): Omit<Health['manifest'], 'notes'> {
    const { snapshot, checkedAt } = this.#served ?? {}
    return {
      status: this.#state,
      etag: snapshot?.etag ?? null,
      count: snapshot?.count ?? null,
      generatedAt: snapshot?.generatedAt ?? null,
      checkedAt: checkedAt ?? null,
      ageSeconds: checkedAt ? Math.max(0, Math.round((nowMs - Date.parse(checkedAt)) / 1000)) : null
    }
  }

  /** What the last build said of a base; pending where none has looked at it. */
  baseHealth(name: string): BaseStatus {
    const told = this.#status?.bases.find((base) => base.name === name)
    const count = this.#served?.snapshot.bases.find((base) => base.name === name)?.count ?? 0
    return { ...(told ?? { name, status: 'pending', scannedAt: null, error: null }), count }
  }

  async #look(): Promise<void> {
    const { seen, status } = await this.#ports.view.look()
    if (status && status !== this.#status) this.adoptStatus(status)
    const forgotten = seen.state === 'ok' ? this.#forgottenIn(seen.snapshot) : undefined
    const told = forgotten === undefined ? seen : forgetful(forgotten)
    if (told === this.#seen || (forgotten !== undefined && this.#seen?.state === 'corrupt')) return
    this.#seen = told
    this.#state = told.state
    if (told.state === 'ok') {
      this.#serve(told.snapshot, 'manifest')
      return
    }
    if (this.#served) this.#served = { ...this.#served, source: 'snapshot' }
    this.#ports.onUnusable(told.state, told.reason)
  }

  /** A base that a manifest never knew, and of which reports are served here: it is mended by what is known here. */
  #forgottenIn({ bases }: Snapshot): string | undefined {
    const forgotten = new Set(bases.filter(isForgotten).map(({ name }) => name))
    return this.#served?.snapshot.bases.find(({ name, count }) => count > 0 && forgotten.has(name))?.name
  }

  #serve(snapshot: Snapshot, source: 'manifest' | 'snapshot'): void {
    const before = this.#served?.snapshot
    const isNew = before?.etag !== snapshot.etag
    const checkedAt = isNew || !this.#served ? this.#checkedAt(snapshot) : this.#served.checkedAt
    this.#served = { snapshot, source, checkedAt }
    if (isNew) for (const listener of this.#listeners) listener(snapshot, before)
  }

  #checkedAt({ etag, generatedAt }: Snapshot): string {
    return this.#status?.etag === etag ? this.#status.checkedAt : generatedAt
  }
}
