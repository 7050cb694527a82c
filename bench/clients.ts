import net from 'node:net'
import { scope } from './ending.js'
import type { Server } from './others.js'
import { start } from './process.js'
import type { Orders } from './programs/load.js'
import type { Measures } from './rounds.js'
import { script } from './tools.js'
import { cpuMsOfTree } from './tree.js'

export interface Question {
  path: string
  headers: Record<string, string>
  /** Whether the tag of the answer is sent along. */
  known?: boolean
}

export function requestText({ path, headers }: Question, etag?: string): string {
  const all = { host: '127.0.0.1', ...headers, ...(etag && { 'if-none-match': etag }) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** The first whole answer to a request: its length in bytes, and its tag. */
export function probe(port: number, text: string): Promise<{ length: number; status: number; etag: string }> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const socket = net.connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('error', reject)
    socket.on('data', (data) => {
      seen = Buffer.concat([seen, data])
      const end = seen.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = seen.toString('latin1', 0, end)
      const length = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (seen.length < length) return
      socket.destroy()
      resolve({ length, status: Number(head.slice(9, 12)), etag: /etag: (\S+)/i.exec(head)?.[1] ?? '' })
    })
  })
}

/** Starts a client of its own process, and hears what it has to tell in the end. */
export function client<T>(kind: string, orders: object): Promise<T> {
  return scope(async () => {
    const child = start(process.execPath, [script(kind)], { ipc: true })
    return new Promise<T>((resolve, reject) => {
      child.once('message', (message) => resolve(message as T))
      child.once('exit', (code) => reject(new Error(`the client ended with ${code}`)))
      child.send(orders)
    })
  })
}

const CONNECTIONS = 8

/** Requests a second, CPU of the server a request in microseconds, and times in milliseconds. */
export async function underLoad(server: Server, question: Question, ms: number): Promise<Measures> {
  const { etag } = await probe(server.port, requestText(question))
  const text = requestText(question, question.known ? etag : undefined)
  const { length, status } = await probe(server.port, text)
  if (status !== (question.known ? 304 : 200)) throw new Error(`${server.name} answers ${status}`)
  const orders: Orders = { port: server.port, text, length, ms, connections: CONNECTIONS }
  const before = cpuMsOfTree(server.pid)
  const told = await client<{ requests: number; p50: number; p99: number }>('load', orders)
  const cpu = ((cpuMsOfTree(server.pid) - before) * 1000) / told.requests
  return { rate: told.requests / (ms / 1000), cpu, p50: told.p50, p99: told.p99 }
}
