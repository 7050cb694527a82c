import { type Static, Type } from '@sinclair/typebox'
import type { BaseStatus } from './base-status.js'
import { Moment } from './entry.js'
import { Digest } from './manifest.js'
import { OneOf } from './one-of.js'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])

const manifestStates = ['ok', 'missing', 'corrupt', 'unreadable', 'late'] as const
export type ManifestState = (typeof manifestStates)[number]

/** The answer to `GET /health`, from memory alone. */
export const Health = Type.Object(
  {
    status: OneOf(['ok', 'degraded']),
    version: Type.String(),
    uptimeSeconds: Type.Number({ minimum: 0 }),
    manifest: Type.Object({
      status: OneOf(manifestStates, {
        description:
          'ok; missing; corrupt: it does not match its own digest or schema; unreadable: the file system refuses; ' +
          'late: its file system did not answer in time'
      }),
      etag: Nullable(Digest),
      count: Nullable(Type.Integer({ minimum: 0 })),
      generatedAt: Nullable(Moment),
      checkedAt: Nullable(Moment),
      ageSeconds: Nullable(Type.Number({ description: 'Seconds since checkedAt' }))
    }),
    bases: Type.Array(Type.Unsafe<BaseStatus>(Type.Ref('BaseStatus'))),
    builder: Type.Object({
      running: Type.Boolean(),
      lastDurationMs: Nullable(Type.Number({ minimum: 0 })),
      lastError: Nullable(Type.String()),
      nextRunAt: Nullable(Moment)
    })
  },
  { $id: 'Health', additionalProperties: false }
)
export type Health = Static<typeof Health>

export const HealthQuery = Type.Object(
  {
    strict: Type.Optional(
      OneOf(['true', 'false'], { default: 'false', description: 'true: 503 when degraded, for curl -f' })
    )
  },
  { additionalProperties: false }
)
export type HealthQuery = Static<typeof HealthQuery>

export const Ready = Type.Object({ ready: Type.Boolean() }, { $id: 'Ready', additionalProperties: false })
