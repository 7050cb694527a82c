import { createHash } from 'node:crypto'

/** SHA-256 of bytes, lower-case hex. */
export function digestOf(...parts: (Buffer | string)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Bytes that are hashed in a tenth of a millisecond or so. */
const HASHED_AT_ONCE = 1 << 17

/** The same, with pauses in which other work may be done. */
export function* digestWithPauses(...parts: Buffer[]): Generator<void, string> {
  const hash = createHash('sha256')
  for (const part of parts) {
    for (let at = 0; at < part.length; at += HASHED_AT_ONCE) {
      hash.update(part.subarray(at, at + HASHED_AT_ONCE))
      yield
    }
  }
  return hash.digest('hex')
}

/** The header's value for a digest: a strong tag. */
export function etagOf(digest: string): string {
  return `"${digest}"`
}

/**
 * Whether an `If-None-Match` header names a tag: lists, `*`, weak comparison (RFC 9110, 13.1.2).
 * @param header undefined where the request has none
 */
export function namesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header === etag) return true
  if (header.trim() === '*') return true
  for (const [, tag] of header.matchAll(/(?:^|[\s,])(?:W\/)?("[^"]*")/g)) if (tag === etag) return true
  return false
}
