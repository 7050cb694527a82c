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

const Known = (description: string) =>
  Type.Union([Type.Boolean(), Type.Null()], { description: `${description}; null: not known yet` })

/** What the file system of a base tells. */
const FileSystem = Type.Object(
  {
    type: Type.String({
      description: 'As the kernel names it, e.g. fuse.rclone; empty where it is not told'
    }),
    kinds: Known('Its listings tell folders from files'),
    ignoresCase: Known('A name is found in another case, too'),
    inodes: Known('Inodes stay the same from scan to scan'),
    changeTimes: Known(
      'Change times are its own and stay the same; where they are not, and inodes neither, only size and time tell a ' +
        'changed file, so each head is read again within REPORTS_INDEX_REREAD'
    )
  },
  { additionalProperties: false, description: 'What its file system tells, as far as scans have shown' }
)
export type FileSystem = Static<typeof FileSystem>

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
    scannedAt: Type.Union([Moment, Type.Null()], {
      description: 'When it was last seen whole; it stays as it is while the base is unavailable or suspect'
    }),
    error: Type.Union([Type.String(), Type.Null()], {
      description: 'What is wrong and what to do, in one sentence'
    }),
    fileSystem: Type.Optional(FileSystem)
  },
  {
    $id: 'BaseStatus',
    description: 'How a base answered',
    additionalProperties: false,
    examples: [exampleBase]
  }
)
export type BaseStatus = Static<typeof BaseStatus>
