import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { dose } from '../dose.js'
import { Service, scratch } from '../support.js'

/** Mounts a file system in a file, whose times are whole seconds and whose inodes are given out anew at once. */
function mountImage(folder: string): string {
  const image = join(folder, 'image')
  const point = join(folder, 'disk')
  fs.mkdirSync(point)
  fs.writeFileSync(image, '')
  fs.truncateSync(image, 16 << 20)
  execFileSync('mkfs.ext2', ['-q', '-F', '-I', '128', image], { stdio: 'ignore' })
  execFileSync('mount', ['-o', 'loop', image, point], { stdio: 'ignore' })
  return point
}

function noImages(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, to mount'
  const folder = fs.mkdtempSync('/tmp/reports-index-')
  try {
    execFileSync('umount', [mountImage(folder)])
    return false
  } catch {
    return 'needs mkfs.ext2 (Debian: e2fsprogs) and loop devices'
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

t.test(
  'where times are whole seconds, another manifest is seen though its stat is that of the one before',
  { skip: noImages() },
  async (t) => {
    const folder = scratch(t, { 'b/one.md': '# A' })
    const disk = mountImage(folder)
    t.teardown(() => execFileSync('umount', ['-l', disk]))
    const args = ['--base', `b=${folder}/b`, '--manifest', join(disk, 'm.json'), '--refresh', '0']
    const [reader, writer] = [await Service.start(args), await Service.start(args)]
    t.teardown(() => Promise.all([reader.stop('SIGKILL'), writer.stop('SIGKILL')]))
    await writer.rebuild()
    let again = 0
    const stamps = new Set<string>()
    for (let round = 0; round < dose(40, 600); round++) {
      const title = `T${String.fromCharCode(65 + (round % 26))}`
      fs.writeFileSync(join(folder, 'b/one.md'), `# ${title}`)
      await writer.rebuild({ paths: [{ base: 'b', rel: 'one.md' }] })
      const { ino, size, mtimeMs, ctimeMs } = fs.statSync(join(disk, 'm.json'))
      const stamp = [ino, size, mtimeMs, ctimeMs].join()
      if (stamps.has(stamp)) again++
      stamps.add(stamp)
      const { reports } = await reader.listing()
      t.equal(reports[0]?.title, title)
    }
    t.comment(`${again} stats came again`)
    t.ok(again > 0, 'a stat came again')
  }
)
