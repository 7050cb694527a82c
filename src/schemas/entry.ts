import { type Static, Type } from '@sinclair/typebox'

export const DAY_PATTERN = '^\\d{4}-\\d{2}-\\d{2}$'
const DATE_PATTERN = '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z)?$'
const MOMENT_PATTERN = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$'

export const BaseName = Type.String({
  pattern: '^[A-Za-z0-9._-]{1,64}$',
  description: 'Name of a base',
  examples: ['cloud']
})

export const Rel = Type.String({
  minLength: 1,
  description: 'Path below the base, "/" between parts, exactly as the file system names it',
  examples: ['audits/2026-06-09-weekly.md']
})

export const Moment = Type.String({
  pattern: MOMENT_PATTERN,
  description: 'RFC 3339, UTC, milliseconds',
  examples: ['2026-06-09T13:41:56.123Z']
})

/** One report, as it is shown in the description. */
export const exampleEntry = {
  base: 'cloud',
  rel: 'audits/2026-06-09-weekly.md',
  title: 'Weekly audit',
  date: '2026-06-09',
  type: 'audit',
  mtime: '2026-06-09T13:41:56.123Z',
  size: 6144
}

/** What the index says of one report. */
export const Entry = Type.Object(
  {
    base: BaseName,
    rel: Rel,
    title: Type.String({
      minLength: 1,
      description:
        'From the front matter, the heading, <title> or <h1>, or the file name; 300 code points at most',
      examples: ['Weekly audit']
    }),
    date: Type.String({
      pattern: DATE_PATTERN,
      description: 'As precise as is known: a day, or a moment in UTC with milliseconds',
      examples: ['2026-06-09', '2026-06-09T14:00:00.000Z']
    }),
    type: Type.String({
      minLength: 1,
      description: 'From the front matter or meta, else the format: markdown, html, text, pdf',
      examples: ['audit']
    }),
    mtime: Type.String({
      pattern: MOMENT_PATTERN,
      description: "The file's modification time, milliseconds rounded down",
      examples: ['2026-06-09T13:41:56.123Z']
    }),
    size: Type.Integer({ minimum: 0, description: 'Bytes', examples: [6144] })
  },
  { $id: 'Entry', description: 'One report', additionalProperties: false, examples: [exampleEntry] }
)
export type Entry = Static<typeof Entry>

export const exampleWarning = {
  code: 'front-matter',
  base: 'cloud',
  rel: 'audits/2026-06-08-daily.md',
  line: 3,
  message: 'the front matter is no YAML that can be read: a quote is not closed'
}

/** What cost only a part of the work, and where. */
export const Warning = Type.Object(
  {
    code: Type.String({
      description: 'front-matter, unreadable, invalid-name or suspect-folder',
      examples: ['front-matter']
    }),
    base: BaseName,
    rel: Type.String({ description: 'Path below the base; empty for the base itself' }),
    line: Type.Optional(Type.Integer({ minimum: 1, description: 'Line of the file, from 1' })),
    message: Type.String()
  },
  {
    $id: 'Warning',
    description: 'What cost only a part of the work',
    additionalProperties: false,
    examples: [exampleWarning]
  }
)
export type Warning = Static<typeof Warning>
