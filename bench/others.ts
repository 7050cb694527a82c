import { mkdtempSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { answered } from './ask.js'
import { scope, temporaryFolder } from './ending.js'
import { endGroup, start } from './process.js'
import type { Body } from './programs/bodies.js'
import { script } from './tools.js'
import { residentMb } from './tree.js'

/** A server that is measured, with the process that its tree begins with. */
export interface Server {
  name: string
  port: number
  pid: number
  stop(): Promise<unknown>
}

export const BARE_MEMORY = 'bare Fastify, same body'

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/** Puts answers where the servers that are compared with find them. */
export function plantBodies(bodies: readonly Body[]): string {
  const folder = mkdtempSync(join(temporaryFolder(), 'bodies-'))
  const told = bodies.map(({ path, etag, bytes }, at) => {
    writeFileSync(join(folder, `${at}.json`), bytes)
    writeFileSync(join(folder, `${at}.json.gz`), gzipSync(bytes))
    return { path, etag, file: `${at}.json` }
  })
  writeFileSync(join(folder, 'index.json'), JSON.stringify(told))
  return folder
}

export async function serveOther(kind: string, folder: string): Promise<Server> {
  const port = await freePort()
  const child = start(process.execPath, [script(kind), folder, String(port)])
  child.stderr?.resume()
  await listening(port)
  return { name: kind, port, pid: child.pid as number, stop: () => endGroup(child) }
}

export async function listening(port: number, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await connects(port))) {
    if (performance.now() > end) throw new Error(`nothing listens on ${port}`)
    await sleep(10)
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

const REQUESTS = 31

/** Asked so often that what a server keeps for its answers is there. */
export async function askSome(url: string): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) await answered(`${url}/reports-index`)
}

/** Resident memory of a bare server of this answer, after some requests. */
export function bareMemoryMb(bytes: Buffer): Promise<number> {
  return scope(async () => {
    const folder = plantBodies([{ path: '/reports-index', etag: '"1"', bytes }])
    const { port, pid } = await serveOther('bare', folder)
    await askSome(`http://127.0.0.1:${port}`)
    return residentMb(pid)
  })
}
