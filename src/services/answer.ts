import { type Coding, encode } from './codings.js'
import { digestOf, etagOf } from './etag.js'

/** The bytes of one answer, and its codings, each of them made once. */
export class Answer {
  readonly body: Buffer
  /** SHA-256 of the body, hex. */
  readonly digest: string
  readonly #coded = new Map<Coding, Buffer | Promise<Buffer>>()
  readonly #etags = new Map<Coding, string>()
  readonly #asked = new Set<Coding>()

  constructor(body: Buffer, digest = digestOf(body)) {
    this.body = body
    this.digest = digest
    this.#coded.set('identity', body)
  }

  /** A strong tag names bytes, so each coding has its own. */
  etag(coding: Coding): string {
    let etag = this.#etags.get(coding)
    if (etag === undefined) {
      etag = etagOf(coding === 'identity' ? this.digest : `${this.digest}-${coding}`)
      this.#etags.set(coding, etag)
    }
    return etag
  }

  /** Whether the bytes in a coding are there, or on their way. */
  has(coding: Coding): boolean {
    return this.#coded.has(coding)
  }

  /** The bytes in a coding; a promise while they are made. */
  in(coding: Coding): Buffer | Promise<Buffer> {
    this.#asked.add(coding)
    return this.#make(coding)
  }

  #make(coding: Coding): Buffer | Promise<Buffer> {
    const known = this.#coded.get(coding)
    if (known) return known
    const made = encode(this.body, coding as 'br' | 'gzip')
    this.#coded.set(coding, made)
    made.then(
      (bytes) => this.#coded.set(coding, bytes),
      () => this.#coded.delete(coding)
    )
    return made
  }

  /** Makes the codings that were asked of another answer, so that who asks first need not wait. */
  prepareLike(other: Answer): void {
    for (const coding of other.#asked) void Promise.resolve(this.#make(coding)).catch(() => {})
  }
}
