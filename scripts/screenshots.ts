import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { packageRoot } from '../src/surroundings.js'

/** Pictures of the page over the samples, in three widths and both colour schemes: docs/page. Needs Chromium. */

const WIDTHS = [390, 820, 1280]
/** When the samples were written, in these pictures. */
const WRITTEN = new Date('2026-06-29T08:00:00Z')

const folder = mkdtempSync(join(tmpdir(), 'reports-index-'))
const pictures = join(packageRoot, 'docs/page')
mkdirSync(pictures, { recursive: true })
const tracked = execFileSync('git', ['-C', packageRoot, 'ls-files', '-z', 'samples'], { encoding: 'utf8' })
for (const path of tracked.split('\0').filter(Boolean)) {
  cpSync(join(packageRoot, path), join(folder, path))
  utimesSync(join(folder, path), WRITTEN, WRITTEN)
}
const args = [
  'serve',
  '--port',
  '0',
  '--base',
  `samples=${folder}/samples`,
  '--serve-reports',
  '--log-level',
  'warn'
]
const service = spawn(process.execPath, [join(packageRoot, 'dist/cli.js'), ...args], {
  stdio: ['ignore', 'pipe', 'inherit']
})
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox']
})
try {
  const url = await new Promise<string>((resolve) =>
    service.stdout.on('data', (data: Buffer) => resolve(String(data).trim().split(' ').at(-1) as string))
  )
  await fetch(`${url}/rebuild`, { method: 'POST' })
  for (const width of WIDTHS) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width, height: 760 }, colorScheme, locale: 'en' })
      await page.goto(url)
      await page.locator('.title').first().waitFor()
      await page.locator('#fresh.ok').waitFor()
      await page.screenshot({ path: join(pictures, `${width}-${colorScheme}.png`) })
      await page.close()
    }
  }
} finally {
  await browser.close()
  service.kill('SIGTERM')
  rmSync(folder, { recursive: true })
}
