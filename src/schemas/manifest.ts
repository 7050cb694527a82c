import { type Static, Type } from '@sinclair/typebox'
import { BaseStatus } from './base-status.js'
import { BaseName, Entry, Moment, Warning } from './entry.js'

/** Version of the manifest's format; a reader takes no other. */
export const MANIFEST_VERSION = 1

const BaseCount = Type.Object({
  name: BaseName,
  count: Type.Integer({ minimum: 0 }),
  root: Type.Optional(
    Type.String({
      description: 'A digest of the path of its folder, links resolved, to notice that it moved'
    })
  ),
  real: Type.Optional(
    Type.String({ description: 'The same where only its own file system can resolve its links' })
  ),
  mount: Type.Optional(
    Type.String({
      description: 'A digest of the file system that its reports were found on, and of their folder there'
    })
  ),
  before: Type.Optional(
    Type.String({ description: 'The same of where they were found before, while some of them are missing' })
  ),
  mounts: Type.Optional(
    Type.Array(
      Type.Object({
        rel: Type.String(),
        mount: Type.String(),
        isOver: Type.Optional(Type.Boolean({ description: 'It is gone, and other reports lie in its place' }))
      }),
      {
        description: 'The same of mounts below it that hold reports'
      }
    )
  ),
  held: Type.Optional(
    Type.Integer({ minimum: 1, description: 'How many of its reports are missing and stay listed' })
  ),
  seen: Type.Optional(
    Type.Boolean({
      description: 'Its reports are known: the base was looked at, by this build or by one before'
    })
  )
})
export type BaseCount = Static<typeof BaseCount>

export const exampleDigest = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'

/** SHA-256, lower-case hex, of the answer to `GET /reports-index` without parameters. */
export const Digest = Type.String({ pattern: '^[0-9a-f]{64}$', examples: [exampleDigest] })

/** Settings that shape a listing, by name; the values are digests, so that no path or pattern is told. */
const ListingSettings = Type.Record(Type.String(), Type.String())
export type ListingSettings = Static<typeof ListingSettings>

/** The manifest as any program may read it. More keys may stand beside these. */
export const Manifest = Type.Object({
  version: Type.Literal(MANIFEST_VERSION),
  etag: Digest,
  generatedAt: Moment,
  count: Type.Integer({ minimum: 0 }),
  bases: Type.Array(BaseCount),
  settings: Type.Optional(ListingSettings),
  reports: Type.Array(Entry)
})
export type Manifest = Static<typeof Manifest>

/** What stands before the listing. */
export const ManifestHead = Type.Omit(Manifest, ['count', 'reports'])
export type ManifestHead = Static<typeof ManifestHead>

/** A folder of a network file system whose reports went away without an error, and since when. */
export const Doubt = Type.Object({ base: BaseName, rel: Type.String(), since: Moment })
export type Doubt = Static<typeof Doubt>

/** The companion of the manifest: what every build has to tell. */
export const Status = Type.Object({
  version: Type.Literal(MANIFEST_VERSION),
  etag: Digest,
  startedAt: Moment,
  checkedAt: Moment,
  durationMs: Type.Number({ minimum: 0 }),
  bases: Type.Array(BaseStatus),
  warnings: Type.Array(Warning),
  skippedLinks: Type.Optional(Type.Integer({ minimum: 0 })),
  scanBegan: Type.Optional(
    Type.String({
      pattern: '^[^:]+:[0-9]+$',
      description: 'When the last whole look at the bases began, by a clock that never goes back'
    })
  ),
  scanMode: Type.Optional(Type.String({ description: 'incremental or full' })),
  settings: Type.Optional(ListingSettings),
  doubts: Type.Optional(Type.Array(Doubt)),
  settled: Type.Optional(
    Type.Boolean({
      description: 'Files that were too fresh to trust when this manifest was written have been read again'
    })
  )
})
export type Status = Static<typeof Status>
