import { type Static, Type } from '@sinclair/typebox'
import { type BaseStatus, exampleBase } from './base-status.js'
import { BaseName, exampleWarning, Moment, Rel, type Warning } from './entry.js'
import { Digest, exampleDigest } from './manifest.js'
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
      Type.Array(BaseName, {
        maxItems: 1000,
        description: 'Bases whose missing reports are really gone: those that health and log have told of'
      })
    ),
    forgetBases: Type.Optional(
      Type.Array(BaseName, {
        maxItems: 1000,
        description: 'Bases that the manifest holds and this service does not have: their reports go'
      })
    )
  },
  {
    $id: 'RebuildBody',
    description: 'What is to be built; none asks for an incremental build',
    additionalProperties: false,
    examples: [
      { paths: [{ base: 'cloud', rel: 'audits/2026-06-09-weekly.md' }] },
      { mode: 'full' },
      { acceptRemovals: ['cloud'] }
    ]
  }
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

const exampleResult = {
  etag: exampleDigest,
  count: 340,
  added: 1,
  updated: 2,
  removed: 0,
  unchanged: 337,
  skippedLinks: 0,
  filesRead: 3,
  warnings: [exampleWarning],
  bases: [exampleBase],
  startedAt: '2026-06-09T13:44:59.986Z',
  durationMs: 14.2,
  steps: [
    { name: 'load', ms: 0.1 },
    { name: 'scan', ms: 9.8 },
    { name: 'reconcile', ms: 2.1 },
    { name: 'save', ms: 2.2 }
  ]
}

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
  {
    $id: 'BuildResult',
    description: 'What a build that landed has to say',
    additionalProperties: false,
    examples: [exampleResult]
  }
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
        read: Count('Heads read'),
        expected: Type.Optional(
          Count('Reports of this base that were listed before; absent where that is not known yet')
        )
      })
    )
  },
  { $id: 'Progress', additionalProperties: false }
)
export type Progress = Static<typeof Progress>

const exampleId = '7f1c2a9e-52d4-4e0c-9d55-0d2b3a1c9f10'

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
  {
    $id: 'Ticket',
    description: 'One asked-for rebuild',
    additionalProperties: false,
    examples: [{ id: exampleId, state: 'waiting' }]
  }
)
export type Ticket = Static<typeof Ticket>

export const Accepted = Type.Object(
  { id: Type.String({ description: 'To be asked for at /rebuild/{id}' }) },
  {
    $id: 'Accepted',
    description: 'The build was asked for',
    additionalProperties: false,
    examples: [{ id: exampleId }]
  }
)

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
  {
    $id: 'RebuildOverview',
    description: 'The running and the last build of this process',
    additionalProperties: false,
    examples: [
      {
        running: null,
        waiting: false,
        last: { state: 'done', endedAt: '2026-06-09T13:45:00.000Z', result: exampleResult }
      }
    ]
  }
)
export type RebuildOverview = Static<typeof RebuildOverview>

/** One report, named by base and rel. */
export type ReportPath = NonNullable<RebuildBody['paths']>[number]
