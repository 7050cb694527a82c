import { promisify } from 'node:util'
import zlib from 'node:zlib'
import Negotiator from 'negotiator'
import pLimit from 'p-limit'

/** Content codings that answers are made in, the better first. */
const codings = ['br', 'gzip'] as const
export type Coding = (typeof codings)[number] | 'identity'

/** Bytes from which a coding is worth it. */
const LARGE = 1024
/** Bytes up to which time is spent on a better coding. */
const SMALL = 1 << 20

/**
 * So many codings are made at once, and so many wait: they share their threads with all file calls of the process, and a
 * look at the manifest must not come late for them.
 */
const AT_ONCE = 2
const MOST_WAITING = 16

const inTurn = pLimit(AT_ONCE)

const brotli = promisify(zlib.brotliCompress)
const gzip = promisify(zlib.gzip)

/** Encodes bytes, off the main thread. */
export function encode(body: Buffer, coding: 'br' | 'gzip'): Promise<Buffer> {
  return inTurn(() => encodeNow(body, coding))
}

/** Whether so many codings wait already that one more would come late. */
export function isBusy(): boolean {
  return inTurn.pendingCount >= MOST_WAITING
}

async function encodeNow(body: Buffer, coding: 'br' | 'gzip'): Promise<Buffer> {
  if (coding === 'gzip') return await gzip(body)
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants
  const quality = body.length < SMALL ? 9 : 5
  return await brotli(body, {
    params: { [BROTLI_PARAM_QUALITY]: quality, [BROTLI_PARAM_SIZE_HINT]: body.length }
  })
}

/**
 * The coding that an answer is sent in (RFC 9110, 12.5.3).
 * @param header `Accept-Encoding`; undefined where the request has none
 * @param length of the answer, in bytes
 * @returns undefined where every coding is refused, the identity, too
 */
export function chooseCoding(header: string | undefined, length: number): Coding | undefined {
  if (header === undefined) return 'identity'
  const accepted = acceptedIn(header)
  return length < LARGE && accepted.includes('identity') ? 'identity' : accepted[0]
}

/** Whether an answer may be sent without a coding. */
export function acceptsIdentity(header: string | undefined): boolean {
  return header === undefined || acceptedIn(header).includes('identity')
}

/** Its types lag behind: among what is wanted alike, the order in which it is offered counts. */
interface Chooser {
  encodings(offered: readonly string[], options: { preferred: readonly string[] }): string[]
}

/** RFC 9110, 12.4.2. */
const WEIGHT = /;[ \t]*q[ \t]*=[ \t]*(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*$/i

/** Headers that were read lately; clients send few different ones. */
const MOST_READ = 100
const read = new Map<string, Coding[]>()

function acceptedIn(header: string): Coding[] {
  const known = read.get(header)
  if (known) return known
  // A weight that is none would count as a refusal, of the identity, too.
  const said = header.split(',').filter((part) => !/;[ \t]*q[ \t]*=/i.test(part) || WEIGHT.test(part))
  const negotiator: Chooser = new Negotiator({
    headers: { 'accept-encoding': said.join(',').replace(/\bx-gzip\b/gi, 'gzip') }
  })
  const offered = [...codings, 'identity']
  const accepted = negotiator.encodings(offered, { preferred: offered }) as Coding[]
  if (read.size >= MOST_READ) read.clear()
  read.set(header, accepted)
  return accepted
}
