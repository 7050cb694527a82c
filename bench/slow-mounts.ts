import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { noMounts } from '../test/mount.js'
import { until } from '../test/support.js'
import { atEnd, temporaryFolder } from './ending.js'
import { freePort, listening } from './others.js'
import { endGroup, environment, start } from './process.js'
import { compiled, output, script, skip } from './tools.js'

/** For so long the kernel may keep names and attributes; afterwards each is asked for again. */
const KERNEL_KEEPS_MS = 1100

/** A folder that is reached through something slow. */
export interface SlowMount {
  name: string
  point: string
  /** Forgets what it knows of the folder, so that the next look is the first one. */
  chill(): Promise<void>
}

const isMounted = (point: string) => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${point} `)

/** A mount point that is gone in the end, whatever state the mount is in. */
function mountPoint(): string {
  const point = join(temporaryFolder(), 'mount')
  mkdirSync(point)
  atEnd(() => {
    while (isMounted(point)) execFileSync('umount', ['-l', point], { stdio: 'ignore' })
    rmdirSync(point)
  })
  return point
}

/** rclone mounts a WebDAV server that is so many milliseconds away. It asks for a folder's names and attributes at once. */
export async function rcloneMount(source: string, roundTripMs: number): Promise<SlowMount | undefined> {
  const name = `rclone mount, ${roundTripMs} ms a round trip`
  const missing = noMounts()
  if (missing) {
    skip(name, missing)
    return undefined
  }
  const [served, far] = [await freePort(), await freePort()]
  const server = ['serve', 'webdav', source, '--addr', `127.0.0.1:${served}`, '--dir-cache-time', '0s']
  const env = { ...environment, RCLONE_CONFIG: '/dev/null' }
  start('rclone', server, { env }).stderr?.resume()
  start(process.execPath, [
    script('delay'),
    String(far),
    String(served),
    String(roundTripMs)
  ]).stderr?.resume()
  await Promise.all([listening(served), listening(far)])
  const point = mountPoint()
  const remote = `:webdav,url="http://127.0.0.1:${far}",vendor=other:`
  const mount = start('rclone', ['mount', remote, point, '--read-only', '--attr-timeout', '1s'], { env })
  mount.stderr?.resume()
  await until(() => isMounted(point))
  const chill = async () => {
    mount.kill('SIGHUP')
    await sleep(KERNEL_KEEPS_MS)
  }
  return { name, point, chill }
}

/** Each call has its price, however many there are at once. */
export async function pacedMount(source: string, callMs: number): Promise<SlowMount | undefined> {
  const name = `mount without pacing, ${callMs} ms a call`
  const missing = noMounts()
  const flags = output('pkg-config', ['fuse3', '--cflags', '--libs'])
  const program = flags && !missing ? compiled('paced-mount', flags.split(/\s+/)) : undefined
  if (!program) {
    skip(name, missing || 'it needs cc, pkg-config and libfuse3-dev')
    return undefined
  }
  const point = mountPoint()
  const options = ['-f', '-o', 'max_threads=64,ro']
  const mount = start(program, [source, String(callMs), point, ...options])
  mount.stderr?.resume()
  atEnd(() => endGroup(mount, 'SIGTERM'))
  await until(() => isMounted(point))
  return { name, point, chill: () => sleep(KERNEL_KEEPS_MS) }
}
