import { type Static, Type } from '@sinclair/typebox'
import { type BaseStatus, exampleBase } from './base-status.js'
import { Moment } from './entry.js'
import { Digest, exampleDigest } from './manifest.js'
import { OneOf } from './one-of.js'

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])

export const manifestStates = ['ok', 'missing', 'corrupt', 'unreadable', 'late'] as const
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
      ageSeconds: Nullable(Type.Number({ description: 'Seconds since checkedAt' })),
      notes: Type.Array(Type.String(), {
        description:
          'What an operator should know: bases or settings of other builds on the same manifest, or why it is not written yet'
      })
    }),
    bases: Type.Array(Type.Unsafe<BaseStatus>(Type.Ref('BaseStatus'))),
    builder: Type.Object({
      running: Type.Boolean(),
      lastDurationMs: Nullable(Type.Number({ minimum: 0 })),
      lastError: Nullable(Type.String()),
      nextRunAt: Nullable(Moment)
    })
  },
  {
    $id: 'Health',
    description: 'How the service, the manifest and the bases are',
    additionalProperties: false,
    examples: [
      {
        status: 'ok',
        version: '1.0.0',
        uptimeSeconds: 86400,
        manifest: {
          status: 'ok',
          etag: exampleDigest,
          count: 340,
          generatedAt: '2026-06-09T13:42:00.000Z',
          checkedAt: '2026-06-09T13:45:00.000Z',
          ageSeconds: 12,
          notes: []
        },
        bases: [exampleBase],
        builder: {
          running: false,
          lastDurationMs: 14.2,
          lastError: null,
          nextRunAt: '2026-06-09T13:50:00.000Z'
        }
      }
    ]
  }
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

export const Ready = Type.Object(
  { ready: Type.Boolean() },
  {
    $id: 'Ready',
    description: 'Whether a listing can be served without a scan',
    additionalProperties: false,
    examples: [{ ready: true }]
  }
)
