import { labelToName, TextDecoder } from '@exodus/bytes/encoding.js'

/** Decodes bytes in an encoding of the Encoding standard; what does not decode becomes U+FFFD. */
export function decodeIn(encoding: string, bytes: Buffer): string {
  return new TextDecoder(encoding).decode(bytes)
}

// The HTML standard's "change the encoding": a meta can not declare UTF-16, and x-user-defined is windows-1252.
// The first label that is known counts.
export function encodingFor(labels: string[]): string {
  const known = labels.map((label) => labelToName(label)?.toLowerCase()).find((name) => name != null)
  if (known === undefined || known === 'replacement' || known.startsWith('utf-16')) return 'utf-8'
  return known === 'x-user-defined' ? 'windows-1252' : known
}
