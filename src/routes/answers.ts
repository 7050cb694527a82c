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
