import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** One builder at a time among the processes of this host that share a manifest. */
export interface Lock {
  /**
   * Waits for the lock, does the work, and gives the lock back.
   * @param instead asked each time that the lock was in other hands, and before the work: what it gives makes the work
   * needless
   */
  hold<T>(work: () => Promise<T>, instead: () => Promise<T | undefined>): Promise<T>
}

/** How long after a refused connection the lock is tried again, in milliseconds. */
const RETRY_MS = 20

/** Names the processes that a lock keeps apart: those of this host in this network namespace. */
export function lockScope(): string {
  const known = (read: () => string) => {
    try {
      return read()
    } catch {
      return randomUUID()
    }
  }
  const boot = known(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))
  const network = known(() => readlinkSync('/proc/self/ns/net'))
  return createHash('sha256').update(boot).update(network).digest('hex').slice(0, 12)
}

/**
 * A lock by a listening socket in Linux' abstract namespace: the kernel lets one process have the name, and takes it
 * away with its process, however that ends. It knows the processes of one network namespace only: two containers that
 * share a manifest are not kept apart by it (each still writes whole manifests). Elsewhere than on Linux there is none.
 * @param path the manifest's real path
 */
export function socketLock(path: string): Lock {
  if (process.platform !== 'linux')
    return { hold: async (work, instead) => (await instead()) ?? (await work()) }
  const name = `\0reports-index-${createHash('sha256').update(path).digest('hex')}`
  return {
    async hold(work, instead) {
      for (;;) {
        const release = await listen(name)
        if (!release) await ownerGone(name)
        try {
          const done = await instead()
          if (done !== undefined) return done
          if (release) return await work()
        } finally {
          await release?.()
        }
      }
    }
  }
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

/** Settles when the owner of the lock lets go of its end, or is gone. */
function ownerGone(name: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(name)
    socket.on('error', () => {})
    socket.on('close', (failed) => setTimeout(resolve, failed ? RETRY_MS : 0))
    socket.resume()
  })
}
