import { createHash, subtle } from 'node:crypto'

/** SHA-256 of bytes, lower-case hex. */
export function digestOf(...parts: (Buffer | string)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** The same, off the main thread. */
export async function digestSoon(bytes: Buffer): Promise<string> {
  return Buffer.from(await subtle.digest('SHA-256', bytes)).toString('hex')
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
