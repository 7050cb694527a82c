import { isUtf8 } from 'node:buffer'
import { parser } from './parsers.js'

/** The first bytes of a file; `cut` where the file goes on behind them. */
export interface Head {
  bytes: Buffer
  cut: boolean
  /** Where these are only the first of the head's bytes: all of them, read now. */
  whole?(): Head
}

/**
 * Decodes a head: by its byte-order mark, else as UTF-8. Bytes that do not decode become U+FFFD; the mark is dropped.
 */
export function decodeText(head: Head): string {
  const marked = decodeMarked(head.bytes)
  return marked ?? head.bytes.toString('utf8')
}

/** The text of a part of a head; undefined where it takes the whole head to decode it. */
export function decodePart(part: Buffer): string | undefined {
  return part[0] === 0xfe || part[0] === 0xff ? undefined : decodeText({ bytes: part, cut: true })
}

/** As decodeText, but bytes that are not UTF-8 are read in the charset that the HTML declares. */
export function decodeHtml(head: Head, declaredCharsets: (asciiText: string) => string[]): string {
  const marked = decodeMarked(head.bytes)
  if (marked !== undefined) return marked
  if (isInUtf8(head)) return head.bytes.toString('utf8')
  const { decodeIn, encodingFor } = parser('charsets')
  const encoding = encodingFor(declaredCharsets(head.bytes.toString('latin1')))
  return encoding === 'utf-8' ? head.bytes.toString('utf8') : decodeIn(encoding, head.bytes)
}

/** Whether a head without a byte-order mark is UTF-8. */
export function isInUtf8({ bytes, cut }: Head): boolean {
  return isUtf8(cut ? wholeSequences(bytes) : bytes)
}

function decodeMarked(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return bytes.toString('utf8', 3)
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return parser('charsets').decodeIn('utf-16le', bytes)
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return parser('charsets').decodeIn('utf-16be', bytes)
  return undefined
}

// A head may be cut within a character; that alone does not make the file anything but UTF-8.
function wholeSequences(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) return bytes
    if (byte >= 0xc0)
      return byte >= (back === 1 ? 0xc0 : back === 2 ? 0xe0 : 0xf0) ? bytes.subarray(0, -back) : bytes
  }
  return bytes
}
