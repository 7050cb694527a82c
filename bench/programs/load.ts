/*
 * load: a client in a process of its own that asks for so long over some connections, one request at a time on each, as fast
 * as it is answered. Told by its parent: { port, text, length, ms, connections }, where the length is that of a whole answer.
 */
import net from 'node:net'

export interface Orders {
  port: number
  text: string
  length: number
  ms: number
  connections: number
}

function keepAsking({ port, text, length }: Orders, end: number, times: number[]): Promise<void> {
  return new Promise((resolve) => {
    let got = 0
    let began = 0
    const socket = net.connect(port, '127.0.0.1', () => {
      began = performance.now()
      socket.write(text)
    })
    socket.on('data', (data) => {
      got += data.length
      if (got < length) return
      if (got > length) throw new Error(`an answer of ${got} bytes instead of ${length}`)
      got = 0
      const now = performance.now()
      times.push(now - began)
      began = now
      if (now < end) socket.write(text)
      else socket.destroy()
    })
    socket.on('close', () => resolve())
  })
}

async function tell(orders: Orders): Promise<void> {
  const times: number[] = []
  const end = performance.now() + orders.ms
  await Promise.all(Array.from({ length: orders.connections }, () => keepAsking(orders, end, times)))
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]
  process.send?.({ requests: times.length, p50: at(0.5), p99: at(0.99) })
  process.disconnect()
}

process.once('message', (orders: Orders) => void tell(orders))
