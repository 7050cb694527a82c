import type { TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import { Moment } from '../schemas/entry.js'
import { sources } from '../schemas/listing.js'
import { OneOf } from '../schemas/one-of.js'

/** An answer with a JSON body of a shared schema. */
export function json(description: string, ref: string, headers?: Record<string, TSchema>) {
  return {
    description,
    ...(headers && { headers }),
    content: { 'application/json': { schema: Type.Ref(ref) } }
  }
}

/** An answer of 400 and above. */
export function problem(description: string, headers?: Record<string, TSchema>) {
  return json(description, 'Error', headers)
}

export const retryAfter = {
  'Retry-After': Type.String({ description: 'Seconds after which another try is worth it', examples: ['5'] })
}

/** Headers of answers that have a tag and codings. */
export const answered = {
  ETag: Type.String({
    description: 'Strong: the SHA-256 of the answer; with the name of its coding behind it, where it has one',
    examples: [`"${'0'.repeat(64)}"`, `"${'0'.repeat(64)}-br"`]
  }),
  'Cache-Control': Type.String({ description: 'Store, but revalidate', examples: ['no-cache'] }),
  'Content-Encoding': OneOf(['br', 'gzip'], { description: 'Where the answer has a coding' }),
  Vary: Type.String({ examples: ['Accept-Encoding'] })
}

/** Headers that tell of the listing. */
export const listed = {
  'Last-Modified': Type.String({
    description: 'When the listing last changed; tags tell more, so If-Modified-Since is not looked at',
    examples: ['Tue, 09 Jun 2026 13:41:56 GMT']
  }),
  'Reports-Index-Source': OneOf(sources, {
    description: 'The manifest; the last good listing of this process; or a scan for this very answer'
  }),
  'Reports-Index-Checked-At': Type.String({
    pattern: Moment.pattern as string,
    description: 'When the last build that made or confirmed this listing ended'
  })
}

/** What any route may be refused with. */
const atTheDoor = {
  403: problem('The name in Host is none of this service, or the page that asks may not'),
  405: problem('The path is known, by other methods', {
    Allow: Type.String({ examples: ['GET, HEAD, OPTIONS'] })
  }),
  408: problem('The request did not come in time'),
  414: problem('The URL is too long'),
  417: problem('What Expect asks for can not be met'),
  431: problem('The headers are too large'),
  501: problem('A transfer coding that is not understood'),
  500: problem('Something went wrong; the log of the service says what')
}

const authenticate = {
  'WWW-Authenticate': Type.String({ examples: ['Bearer realm="reports-index"'] })
}

/** A route for everyone. */
export const open = {
  config: { access: 'open' },
  problems: atTheDoor
} as const

/** A route that needs the token for reading, where there is one. */
export const reading = {
  config: { access: 'read' },
  problems: { 401: problem('REPORTS_INDEX_READ_TOKEN is set, and not given', authenticate), ...atTheDoor }
} as const

/** A route that needs the token for rebuilding, where there is one. */
export const rebuilding = {
  config: { access: 'rebuild' },
  problems: { 401: problem('REPORTS_INDEX_TOKEN is set, and not given', authenticate), ...atTheDoor }
} as const
