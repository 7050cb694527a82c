import { type Static, Type } from '@sinclair/typebox'
import { BaseName, type Entry, exampleEntry, Rel } from './entry.js'
import { Digest, exampleDigest } from './manifest.js'

export const ChangesQuery = Type.Object(
  {
    since: Type.String({
      minLength: 1,
      description: "The listing's ETag that the caller has, of any coding, quoted or not",
      examples: ['9f2b…']
    })
  },
  { additionalProperties: false }
)
export type ChangesQuery = Static<typeof ChangesQuery>

/** The answer to `GET /reports-index/changes`: old listing + changes = new listing. */
export const Changes = Type.Object(
  {
    from: Digest,
    to: Digest,
    upserted: Type.Array(Type.Unsafe<Entry>(Type.Ref('Entry')), {
      description: "Entries that are new or other than they were, in the listing's order"
    }),
    removed: Type.Array(Type.Object({ base: BaseName, rel: Rel }, { additionalProperties: false }), {
      description: 'Entries that are gone'
    })
  },
  {
    $id: 'Changes',
    description: 'What makes the new listing of an old one',
    additionalProperties: false,
    examples: [
      {
        from: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        to: exampleDigest,
        upserted: [exampleEntry],
        removed: [{ base: 'workspace', rel: 'drafts/plan.md' }]
      }
    ]
  }
)
export type Changes = Static<typeof Changes>

/** The data of an event of `GET /reports-index/events`. */
export const Changed = Type.Object(
  { etag: Digest, count: Type.Integer({ minimum: 0 }) },
  {
    $id: 'Changed',
    description: 'The listing that is served from now on',
    additionalProperties: false,
    examples: [{ etag: exampleDigest, count: 340 }]
  }
)
export type Changed = Static<typeof Changed>
