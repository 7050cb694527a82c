import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { LockTaken } from '../errors.js'

/** How long the lock is waited for. */
export interface Patience {
  /** Milliseconds. */
  ms: number
  /** Ends the waiting. */
  signal: AbortSignal
}

/** One builder at a time among the processes of this host that share a manifest. */
export interface Lock {
  /**
   * Waits for the lock, does the work, and gives the lock back.
   * @param instead asked each time that the lock was in other hands: what it gives makes the work needless
   * @throws LockTaken when patience is over
   */
  hold<T>(work: () => Promise<T>, instead: () => Promise<T | undefined>, patience: Patience): Promise<T>
}

/** How long after a refused connection the lock is tried again, in milliseconds. */
const RETRY_MS = 20

/** Which processes a lock keeps apart: those of one host, in one run of it, in one network namespace. */
export interface Scope {
  host: string
  run: string
  network: string
}

export function lockScope(): Scope {
  const digest = (read: () => string) => {
    try {
      return createHash('sha256').update(read()).digest('hex').slice(0, 8)
    } catch {
      return randomUUID().slice(0, 8)
    }
  }
  const machine = () => (existsSync('/etc/machine-id') ? readFileSync('/etc/machine-id', 'utf8') : '')
  return {
    host: digest(() => machine() + hostname()),
    run: digest(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    network: digest(() => readlinkSync('/proc/self/ns/net'))
  }
}

/**
 * A lock by a listening socket in Linux' abstract namespace: the kernel lets one process have the name, and takes it
 * away with its process, however that ends. It knows the processes of one network namespace only: two containers that
 * share a manifest are not kept apart by it (each still writes whole manifests). Elsewhere than on Linux there is none.
 * @param path the manifest's real path
 */
export function socketLock(path: string): Lock {
  if (process.platform !== 'linux') return { hold: async (work) => await work() }
  const name = `\0reports-index-${createHash('sha256').update(path).digest('hex')}`
  return {
    async hold(work, instead, { ms, signal }) {
      const over = new AbortController()
      const end = () => over.abort()
      const timer = setTimeout(end, ms)
      signal.addEventListener('abort', end, { once: true })
      try {
        return await hold(name, work, instead, over.signal)
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
      }
    }
  }
}

async function hold<T>(
  name: string,
  work: () => Promise<T>,
  instead: () => Promise<T | undefined>,
  over: AbortSignal
): Promise<T> {
  for (;;) {
    const release = await listen(name)
    if (release) {
      try {
        return await work()
      } finally {
        await release()
      }
    }
    await ownerGone(name, over)
    const done = await instead()
    if (done === undefined) continue
    // Who has just made it may hold the lock still, and serve the listing before until it has taken its own over.
    await freed(name, over)
    return done
  }
}

/** Settles when the lock was free, or has left the hands that it is in now. */
async function freed(name: string, over: AbortSignal): Promise<void> {
  const release = await listen(name)
  if (release) await release()
  else await ownerGone(name, over)
}

function listen(name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const waiting = new Set<Socket>()
    const server = createServer((socket) => {
      waiting.add(socket)
      socket.on('close', () => waiting.delete(socket)).on('error', () => {})
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(name, () => resolve(() => close(server, waiting)))
  })
}

function close(server: Server, waiting: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of waiting) socket.destroy()
  })
}

/**
 * Settles when the owner of the lock lets go of its end, or is gone.
 * @throws LockTaken when it is waited for no more
 */
function ownerGone(name: string, over: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: name, signal: over })
    socket.on('error', () => {})
    socket.on('close', (failed) => {
      if (over.aborted)
        reject(new LockTaken('another process builds, and does not come to an end; is it stopped?'))
      else setTimeout(resolve, failed ? RETRY_MS : 0)
    })
    socket.resume()
  })
}
