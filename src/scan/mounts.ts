import { readFileSync } from 'node:fs'

/** File systems of this machine's own disks and memory: they answer, or fail, at once. */
const LOCAL = new Set(
  (
    'ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs bcachefs nilfs2 tmpfs ramfs rootfs devtmpfs overlay aufs ' +
    'squashfs erofs iso9660 udf vfat msdos exfat ntfs ntfs3 hfs hfsplus apfs ufs'
  ).split(' ')
)

export interface Mount {
  point: string
  type: string
  /** Which file system it is: `major:minor`. */
  device: string
  /** The folder of that file system that is mounted. */
  root: string
  /** What is mounted: a device, a remote, or a word of the file system's own. */
  source: string
  /** Calls on it are not taken to answer at once, whatever its type. */
  distrusted?: boolean
}

/** The mounts of this process, in mounting order; read from the kernel, which answers even when a mount does not. */
export function readMounts(): Mount[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    return []
  }
}

/** The same, but no mount is trusted to answer at once, save the root: where that hangs, all is lost. */
export function distrustMounts(): Mount[] {
  return readMounts().map((mount) => ({ ...mount, distrusted: mount.point !== '/' }))
}

export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ')
      const [, , device = '', root = '/', point = '/'] = fields
      const [type = '', source = ''] = fields.slice(fields.indexOf('-') + 1)
      return { point: unescape(point), type, device, root: unescape(root), source: unescape(source) }
    })
}

function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The mount that a path lies on, links not resolved; undefined where the system does not tell. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const inside = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`)
    if (inside && (!best || mount.point.length >= best.point.length)) best = mount
  }
  return best
}

/** Whether a path lies on a disk of this machine, so that calls on it can not hang. */
export function isLocal(path: string, mounts: readonly Mount[] = readMounts()): boolean {
  const mount = mountOf(path, mounts)
  return isDisk(mount) && !mount?.distrusted
}

/** Whether a mount is a disk of this machine, with its own inodes and change times. */
export function isDisk(mount: Mount | undefined): boolean {
  return LOCAL.has(mount?.type ?? '')
}
