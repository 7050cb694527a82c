/** One server-sent event. */
export interface ServerEvent {
  event: string
  id: string
  data: string
}

/** An event of ours has some two hundred. */
const MOST_CHARACTERS = 1 << 20

/**
 * Reads server-sent events (WHATWG HTML, 9.2.6): what is cut off at the end is no event.
 * @param chunks bytes, cut anywhere
 * @param onAnything is called for every chunk, comments too: the stream lives
 * @throws SyntaxError where an event has no end
 */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  onAnything: () => void = () => {}
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let event: ServerEvent = { event: 'message', id: '', data: '' }
  let hasData = false
  for await (const chunk of chunks) {
    onAnything()
    const text = rest + decoder.decode(chunk, { stream: true })
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    if (rest.length + event.data.length > MOST_CHARACTERS) throw new SyntaxError('an event has no end')
    for (const line of lines) {
      if (line === '') {
        if (hasData) yield event
        event = { event: 'message', id: event.id, data: '' }
        hasData = false
        continue
      }
      const [field, value] = fieldOf(line)
      if (field === 'event') event.event = value
      else if (field === 'id' && !value.includes('\0')) event.id = value
      else if (field === 'data') {
        event.data = hasData ? `${event.data}\n${value}` : value
        hasData = true
      }
    }
  }
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon === -1) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}

/**
 * The chunks of a body; it is given up when the reading ends early.
 * @throws the reason of the signal where that is aborted
 */
export async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  const abort = () => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener('abort', abort)
  try {
    for (;;) {
      if (signal.aborted) throw signal.reason
      const { done, value } = await reader.read()
      if (signal.aborted) throw signal.reason
      if (done) return
      yield value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    await reader.cancel().catch(() => {})
  }
}
