import type { Settings } from './settings.js'

/** What the process that opens reports is asked. */
export type OpenerQuestion =
  | { type: 'open'; base: string; rel: string }
  /** `length` bytes from `from` on. */
  | { type: 'read'; handle: number; from: number; length: number }

/** A report that was opened, and what its file system said of it. */
export interface OpenReport {
  handle: number
  /** Bytes. */
  size: number
  /** Milliseconds since 1970. */
  mtimeMs: number
  /** Names this state of the file. */
  state: string
  /** Whether other bytes have another name. */
  isExact: boolean
  /** Whether it was written so long ago that it can not be written again in the same tick of its clock, unseen. */
  isSettled: boolean
  /** Whether what it begins with is UTF-8. */
  isUtf8: boolean
}

export type OpenerAnswer =
  | { type: 'opened'; report: OpenReport }
  | { type: 'bytes'; bytes: Uint8Array }
  | { type: 'gone' }
  | { type: 'failed'; reason: string }
  /** The base gives no answer. */
  | { type: 'silent' }

export type ToldOpener = { type: 'settings'; settings: Settings } | { type: 'close'; handle: number }

/** All that the opener and its parent have to say to each other. */
export interface OpenerTalk {
  question: OpenerQuestion
  answer: OpenerAnswer
  told: ToldOpener
  said: never
}
