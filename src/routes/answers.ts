import type { TSchema } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'

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

/** What any route may be refused with. */
const atTheDoor = {
  403: problem('The name in Host is none of this service, or the page that asks may not'),
  414: problem('The URL is too long')
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
