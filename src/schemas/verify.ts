import { type Static, Type } from '@sinclair/typebox'
import { BaseStatus } from './base-status.js'
import { Warning } from './entry.js'
import { OneOf } from './one-of.js'

/** Where a listing was seen that ought to be the one on disk. */
export const places = ['manifest', 'service'] as const

/** One place where a listing is not the one on disk. */
export const Difference = Type.Object({
  where: OneOf(places),
  base: Type.String(),
  rel: Type.String(),
  kind: OneOf(['missing', 'extra', 'field', 'order', 'count', 'bytes'], {
    description:
      'missing: on disk alone; extra: not on disk; field: it says something else; order: another report stands in its place; ' +
      'count: the number that is told of a base is not that of its entries; bytes: all that is compared is the same, and the digest is not'
  }),
  field: Type.Optional(Type.String()),
  onDisk: Type.Optional(
    Type.Unknown({ description: 'What the field is, or the report that belongs in this place' })
  ),
  found: Type.Optional(Type.Unknown({ description: 'What stands there' }))
})
export type Difference = Static<typeof Difference>

const Seconds = Type.Union([Type.Number({ minimum: 0 }), Type.Null()])
const Count = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
  description: 'null: it could not be looked at'
})

/** What `verify --json` prints: the evidence for a deploy. */
export const Verification = Type.Object({
  status: OneOf(['ok', 'differs', 'incomplete', 'failed'], {
    description:
      'incomplete: nothing that could be compared differs, but a base, a folder or a file could not be looked at; failed: ' +
      'the manifest, the service or a new process gave no listing'
  }),
  message: Type.String({ description: 'The same in a sentence' }),
  version: Type.String(),
  commit: Type.String({ description: 'Of what runs; unknown where it was not built from a checkout' }),
  verifiedAt: Type.String(),
  etags: Type.Object({
    disk: Type.String({ description: 'Of what was found on disk' }),
    manifest: Type.Union([Type.String(), Type.Null()]),
    service: Type.Union([Type.String(), Type.Null()])
  }),
  seconds: Type.Object({
    manifestRead: Seconds,
    scan: Seconds,
    firstListing: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
      description: 'From the start of a new process to the end of its first listing'
    }),
    service: Seconds
  }),
  bases: Type.Array(Type.Object({ name: Type.String(), disk: Count, manifest: Count, service: Count })),
  differences: Type.Array(Difference, { description: 'The first ones' }),
  differenceCount: Type.Integer({ minimum: 0 }),
  followUps: Type.Object({ warnings: Type.Array(Warning), bases: Type.Array(BaseStatus) })
})
export type Verification = Static<typeof Verification>
