import { type Static, Type } from '@sinclair/typebox'
import type { BaseStatus } from './base-status.js'
import { BaseName, Moment, Rel, type Warning } from './entry.js'
import { Digest } from './manifest.js'
import { OneOf } from './one-of.js'

const MAX_PATHS = 1000

const Mode = OneOf(['incremental', 'full'], {
  description: 'incremental reuses what has not changed; full reads every head again'
})

/** The body of `POST /rebuild`; none asks for an incremental build. */
export const RebuildBody = Type.Object(
  {
    mode: Type.Optional(Mode),
    paths: Type.Optional(
      Type.Array(Type.Object({ base: BaseName, rel: Rel }, { additionalProperties: false }), {
        maxItems: MAX_PATHS,
        description: 'Look at these files alone: written, changed or removed'
      })
    ),
    acceptRemovals: Type.Optional(
      Type.Array(BaseName, { maxItems: 1000, description: 'Bases whose missing reports are really gone' })
    )
  },
  { $id: 'RebuildBody', additionalProperties: false }
)
export type RebuildBody = Static<typeof RebuildBody>

export const RebuildQuery = Type.Object(
  {
    wait: Type.Optional(
      OneOf(['true', 'false'], {
        default: 'true',
        description: 'true: answer when the build has landed; false: answer at once with an id'
      })
    )
  },
  { additionalProperties: false }
)
export type RebuildQuery = Static<typeof RebuildQuery>

const Count = (description: string) => Type.Integer({ minimum: 0, description })

/** One named step of a build and how long it took. */
export const Step = Type.Object({ name: Type.String(), ms: Type.Number({ minimum: 0 }) })
export type Step = Static<typeof Step>

/** What a build that landed has to say. */
export const BuildResult = Type.Object(
  {
    etag: Digest,
    count: Count('Entries in the listing'),
    added: Count('Entries that are new'),
    updated: Count('Entries that changed'),
    removed: Count('Entries that are gone'),
    unchanged: Count('Entries that stayed as they were'),
    skippedLinks: Count('Symbolic links that were not followed'),
    filesRead: Count('Files whose head was read'),
    warnings: Type.Array(Type.Unsafe<Warning>(Type.Ref('Warning'))),
    bases: Type.Array(Type.Unsafe<BaseStatus>(Type.Ref('BaseStatus'))),
    startedAt: Moment,
    durationMs: Type.Number({ minimum: 0 }),
    steps: Type.Array(Step)
  },
  { $id: 'BuildResult', additionalProperties: false }
)
export type BuildResult = Static<typeof BuildResult>

/** How far a running build has come. */
export const Progress = Type.Object(
  {
    step: Type.String({ description: 'load, scan, reconcile or save' }),
    bases: Type.Array(
      Type.Object({
        name: BaseName,
        folders: Count('Folders listed'),
        files: Count('Reports looked at'),
        read: Count('Heads read')
      })
    )
  },
  { $id: 'Progress', additionalProperties: false }
)
export type Progress = Static<typeof Progress>

const states = ['waiting', 'running', 'done', 'failed'] as const

/** One asked-for rebuild. */
export const Ticket = Type.Object(
  {
    id: Type.String(),
    state: OneOf(states),
    progress: Type.Optional(Type.Unsafe<Progress>(Type.Ref('Progress'))),
    result: Type.Optional(Type.Unsafe<BuildResult>(Type.Ref('BuildResult'))),
    error: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String() }, { additionalProperties: false })
    )
  },
  { $id: 'Ticket', description: 'One asked-for rebuild', additionalProperties: false }
)
export type Ticket = Static<typeof Ticket>

export const Accepted = Type.Object({ id: Type.String() }, { $id: 'Accepted', additionalProperties: false })

/** The answer to `GET /rebuild`: builds of this process. */
export const RebuildOverview = Type.Object(
  {
    running: Type.Union([
      Type.Object({
        startedAt: Moment,
        mode: Type.String(),
        progress: Type.Optional(Type.Unsafe<Progress>(Type.Ref('Progress')))
      }),
      Type.Null()
    ]),
    waiting: Type.Boolean({ description: 'Whether another build stands behind the running one' }),
    last: Type.Union([
      Type.Object({
        state: OneOf(['done', 'failed']),
        endedAt: Moment,
        result: Type.Optional(Type.Unsafe<BuildResult>(Type.Ref('BuildResult'))),
        error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() }))
      }),
      Type.Null()
    ])
  },
  { $id: 'RebuildOverview', additionalProperties: false }
)
export type RebuildOverview = Static<typeof RebuildOverview>

/** One report, named by base and rel. */
export type ReportPath = NonNullable<RebuildBody['paths']>[number]
