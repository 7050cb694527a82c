import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './support.js'

/** Why no file system can be mounted here; false where it can. */
export function noMounts(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to mount'
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse'
  for (const program of ['rclone', 'fusermount3']) {
    try {
      execFileSync('which', [program], { stdio: 'ignore' })
    } catch {
      return `needs ${program} (Debian: apt-get install rclone fuse3)`
    }
  }
  return mayMount() ? false : 'needs the right to mount, which root has not here'
}

/** In a container even root may lack it. */
function mayMount(): boolean {
  const point = mkdtempSync(join(tmpdir(), 'reports-index-'))
  try {
    closeSync(openSync('/dev/fuse', 'r+'))
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', point], { stdio: 'ignore' })
    execFileSync('umount', [point], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmdirSync(point)
  }
}

/** A folder seen through a FUSE mount, whose server can be frozen, killed and ended. */
export class Mount {
  readonly source: string
  readonly point: string
  #server: ChildProcess | undefined

  readonly #flags: readonly string[]

  /**
   * @param folder an empty one; `remote` in it is what is mounted
   * @param flags more flags of rclone
   */
  constructor(folder: string, flags: readonly string[] = []) {
    this.#flags = flags
    this.source = join(folder, 'remote')
    this.point = join(folder, 'mount')
    mkdirSync(this.source, { recursive: true })
    mkdirSync(this.point)
  }

  async up(): Promise<void> {
    const flags = ['--dir-cache-time', '200ms', '--attr-timeout', '200ms', '--vfs-cache-mode', 'off']
    const env = { ...process.env, RCLONE_CONFIG: '/dev/null' }
    this.#server = spawn('rclone', ['mount', this.source, this.point, ...flags, ...this.#flags], {
      env,
      stdio: 'ignore'
    })
    await until(() => this.isMounted)
  }

  get isMounted(): boolean {
    return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${this.point} `)
  }

  /** From now on no call on it is answered. */
  freeze(): void {
    this.#server?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#server?.kill('SIGCONT')
  }

  /** The server dies: calls fail, the mount stays, dead. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** The server ends in good order: what is left is the empty folder below. */
  async fallAway(): Promise<void> {
    await this.#end('SIGTERM')
    await until(() => !this.isMounted)
  }

  /** Takes a dead mount away, whatever state it is in. */
  async down(): Promise<void> {
    this.thaw()
    if (this.#server) await this.#end('SIGKILL')
    while (this.isMounted) execFileSync('umount', ['-l', this.point], { stdio: 'ignore' })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill(signal)
    await ended
  }
}

/** Why no image of a disk can be mounted here; false where it can. */
export function noLoopDisks(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to mount'
  if (!existsSync('/dev/loop-control')) return 'needs loop devices'
  try {
    execFileSync('which', ['mkfs.ext4'], { stdio: 'ignore' })
  } catch {
    return 'needs mkfs.ext4 (Debian: apt-get install e2fsprogs)'
  }
  return mayMount() ? false : 'needs the right to mount, which root has not here'
}

/** Why no folder can be passed through bindfs, which keeps inodes and change times; false where it can. */
export function noBindfs(): string | false {
  try {
    execFileSync('which', ['bindfs'], { stdio: 'ignore' })
  } catch {
    return 'needs bindfs (Debian: apt-get install bindfs)'
  }
  return noMounts()
}
