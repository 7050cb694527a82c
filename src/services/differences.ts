import type { Entry } from '../schemas/entry.js'
import { entryBytes, firstLine, lastLineEnd, lineEnd, parseEntry } from './lines.js'
import { compareEntries } from './order.js'

/** One line of a listing. */
interface Line {
  entry: Entry
  line: string
}

/** The lines that only the old, and only the new of two listings has. */
export interface Difference {
  gone: Line[]
  come: Line[]
}

const LINE_END = 0x0a
/** Equal bytes are looked for in steps that begin with so many. */
const FIRST_STEP = 256

/**
 * Compares two listings line by line. Both are in the same order, so one walk through both is enough, and what is equal is
 * skipped without a look at its lines.
 * @throws where a line is no entry
 */
export function* differences(old: Buffer, young: Buffer): Generator<void, Difference> {
  const gone: Line[] = []
  const come: Line[] = []
  const [a, b] = [new Walk(old), new Walk(young)]
  while (!a.isAtEnd || !b.isAtEnd) {
    const equal = commonLines(a, b)
    a.skip(equal)
    b.skip(equal)
    yield
    const order = a.isAtEnd ? 1 : b.isAtEnd ? -1 : compareEntries(a.line.entry, b.line.entry)
    if (a.isAtEnd && b.isAtEnd) break
    // The last line has no comma behind it: it may be the same entry all the same.
    if (order === 0 && a.line.line === b.line.line) {
      a.next()
      b.next()
      continue
    }
    if (order <= 0) gone.push(a.next())
    if (order >= 0) come.push(b.next())
  }
  return { gone, come }
}

/** A walk through the entries of a listing. */
class Walk {
  readonly body: Buffer
  readonly end: number
  at: number
  #line: (Line & { end: number }) | undefined

  constructor(body: Buffer) {
    this.body = body
    this.at = firstLine(body)
    this.end = lastLineEnd(body)
  }

  get isAtEnd(): boolean {
    return this.at >= this.end
  }

  /** The line that the walk has come to. */
  get line(): Line {
    return this.#read()
  }

  /** Goes on to the next line, and tells the one that was left. */
  next(): Line {
    const line = this.#read()
    this.at = line.end
    this.#line = undefined
    return line
  }

  skip(bytes: number): void {
    if (bytes === 0) return
    this.at += bytes
    this.#line = undefined
  }

  #read(): Line & { end: number } {
    if (this.#line) return this.#line
    const end = lineEnd(this.body, this.at)
    const line = entryBytes(this.body, this.at, end).toString('utf8')
    this.#line = { entry: parseEntry(line), line, end }
    return this.#line
  }
}

/** How many bytes of whole lines are equal from here on. */
function commonLines(a: Walk, b: Walk): number {
  const most = Math.min(a.end - a.at, b.end - b.at)
  let equal = 0
  const isEqualFor = (step: number): boolean => {
    const to = equal + step
    return to <= most && a.body.compare(b.body, b.at + equal, b.at + to, a.at + equal, a.at + to) === 0
  }
  let step = FIRST_STEP
  for (; isEqualFor(step); step *= 2) equal += step
  for (; step >= 1; step /= 2) if (isEqualFor(step)) equal += step
  const lastEnd = equal === 0 ? -1 : a.body.lastIndexOf(LINE_END, a.at + equal - 1)
  return Math.max(0, lastEnd + 1 - a.at)
}
