import { FormatRegistry, type Static, Type } from '@sinclair/typebox'
import { DAY_PATTERN, type Entry, exampleEntry } from './entry.js'

// TypeBox takes no format that it has not been told of; whether there is such a day is for others to say.
if (!FormatRegistry.Has('date')) FormatRegistry.Set('date', (text) => new RegExp(DAY_PATTERN).test(text))

const Words = (description: string, example: string) =>
  Type.Array(Type.String({ examples: [example] }), { description })

const Day = (description: string) =>
  Type.String({ pattern: DAY_PATTERN, format: 'date', description, examples: ['2026-06-09'] })

/** Which entries are asked for; what is absent filters nothing. */
export const Filter = Type.Object(
  {
    base: Type.Optional(Words('Any of these bases', 'cloud')),
    type: Type.Optional(Words('Any of these types', 'audit')),
    q: Type.Optional(Type.String({ description: 'Each word stands in the title or in rel; case is folded' })),
    from: Type.Optional(Day('First day, inclusive')),
    to: Type.Optional(Day('Last day, inclusive')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10000, description: 'At most so many entries' }))
  },
  { additionalProperties: false }
)
export type Filter = Static<typeof Filter>

/** The parameters of `GET /reports-index`. */
export const ListingQuery = Type.Composite(
  [
    Filter,
    Type.Object({
      cursor: Type.Optional(
        Type.String({
          description: 'Where a page begins: `nextCursor` of the page before, asked with the same filter',
          examples: ['Y2YwZTk…']
        })
      )
    })
  ],
  { additionalProperties: false }
)
export type ListingQuery = Static<typeof ListingQuery>

/** The answer to `GET /reports-index`. */
export const Listing = Type.Object(
  {
    total: Type.Integer({ minimum: 0, description: 'All entries that match' }),
    count: Type.Integer({ minimum: 0, description: 'Entries in this answer' }),
    nextCursor: Type.Optional(Type.String({ description: 'Where the next page begins; absent on the last' })),
    reports: Type.Array(Type.Unsafe<Entry>(Type.Ref('Entry')))
  },
  {
    $id: 'Listing',
    description: 'The reports, newest first',
    additionalProperties: false,
    examples: [{ total: 340, count: 1, nextCursor: 'MmMyNmI0NmI…', reports: [exampleEntry] }]
  }
)
export type Listing = Static<typeof Listing>

/** Where an answer came from. */
export const sources = ['manifest', 'snapshot', 'live-scan'] as const
export type Source = (typeof sources)[number]
