import { type Static, Type } from '@sinclair/typebox'
import { BaseName, Moment } from './entry.js'
import { OneOf } from './one-of.js'

export const baseStates = ['ok', 'pending', 'unavailable', 'suspect'] as const

export const exampleBase = {
  name: 'cloud',
  status: 'ok' as const,
  count: 303,
  scannedAt: '2026-06-09T13:45:00.000Z',
  error: null
}

/** How a base answered when it was last looked at. */
export const BaseStatus = Type.Object(
  {
    name: BaseName,
    status: OneOf(baseStates, {
      description:
        'ok; pending: not looked at yet; unavailable: missing, unreachable or silent, its last known entries stay; ' +
        'suspect: it answers, but too many reports are gone to believe it, its last known entries stay'
    }),
    count: Type.Integer({ minimum: 0, description: 'Entries of this base in the listing' }),
    scannedAt: Type.Union([Moment, Type.Null()], { description: 'When it last answered a whole scan' }),
    error: Type.Union([Type.String(), Type.Null()], {
      description: 'What is wrong and what to do, in one sentence'
    })
  },
  {
    $id: 'BaseStatus',
    description: 'How a base answered',
    additionalProperties: false,
    examples: [exampleBase]
  }
)
export type BaseStatus = Static<typeof BaseStatus>
