import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = process.env['CHROMIUM'] ?? PROGRAMS.find((path) => existsSync(path))

/** Why no page can be opened here; false where it can. */
export const noBrowser: string | false =
  executablePath === undefined && 'needs Chromium (Debian: apt-get install chromium)'

let browser: Promise<Browser> | undefined

/** Closes the browser that all pages share. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
}

export interface Opened {
  page: Page
  /** Hosts that anything was asked of. */
  hosts: Set<string>
}

/** Opens a page; what it throws or complains of fails the test. */
export async function openPage(
  t: Test,
  url: string,
  look: { width?: number; height?: number; colorScheme?: 'light' | 'dark' } = {}
): Promise<Opened> {
  browser ??= chromium.launch({ executablePath: executablePath as string, args: ['--no-sandbox'] })
  const { width = 1280, height = 800, colorScheme = 'light' } = look
  const context = await (await browser).newContext({ viewport: { width, height }, colorScheme, locale: 'en' })
  t.teardown(() => context.close())
  const hosts = new Set<string>()
  context.on('request', (request) => hosts.add(new URL(request.url()).host))
  const page = await context.newPage()
  page.on('pageerror', (error) => t.fail(`the page throws: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content.Security|Trusted/.test(message.text())) t.fail(message.text())
  })
  await page.goto(url)
  return { page, hosts }
}
