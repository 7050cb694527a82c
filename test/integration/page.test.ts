import { spawnSync } from 'node:child_process'
import fs, { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { Health } from '../../src/schemas/health.js'
import type { Listing } from '../../src/schemas/listing.js'
import { closeBrowser, noBrowser, openPage } from '../browser.js'
import { plant, run, Service, scratch, until } from '../support.js'

const skip = noBrowser

const day = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 86_400_000).toISOString().slice(0, 10)

/** 200 reports in base `a`, two a day, and three in `b`. */
const FILES: Record<string, string> = Object.fromEntries(
  Array.from({ length: 200 }, (_, i) => [
    `a/${day(i >> 1)}-report-${i}.md`,
    `---\ntype: ${['audit', 'plan', 'log'][i % 3]}\n---\n# Report ${i} of ${i % 7 === 0 ? 'Mondays' : 'days'}\n`
  ])
)
Object.assign(FILES, {
  'b/2026-02-01-first.html': '<title>First of b</title><p>hello',
  'b/2026-02-02-second.md': '# Second of b',
  'b/2026-02-03-third.txt': 'third'
})

async function stage(t: Test, files: Record<string, string> = FILES, flags: string[] = ['--serve-reports']) {
  const folder = scratch(t, { 'a/': '', 'b/': '', ...files })
  const bases = ['--base', `a=${folder}/a`, '--base', `b=${folder}/b`]
  const service = await Service.start([
    ...bases,
    '--manifest',
    `${folder}/s/m.json`,
    '--refresh',
    '0',
    ...flags
  ])
  t.teardown(() => service.stop('SIGKILL'))
  await until(async () => (await fetch(`${service.url}/ready`)).ok)
  return { folder, service, url: `${service.url}/` }
}

const countIn = (page: Page) => page.locator('#count').textContent()
const shows = async (page: Page, count: string) => await until(async () => (await countIn(page)) === count)
const titleIn = (page: Page, text: string) =>
  page.locator('.title', { hasText: new RegExp(`^${text}|${text}$`) })

t.test('it shows the listing, newest first, day by day, and asks nobody else', { skip }, async (t) => {
  const { url, service } = await stage(t)
  const { page, hosts } = await openPage(t, url)
  await shows(page, '203 reports')
  const first = await page.locator('li').first().innerText()
  t.match(first, /^Friday, April 10, 2026\s+2 reports\s+Report 19[89]/)
  const { reports } = await service.listing()
  const titles = await page.locator('.title').allTextContents()
  t.strictSame(
    titles,
    reports.slice(0, titles.length).map(({ title }) => title)
  )
  t.ok(titles.length < 60, 'only what is seen is there')
  t.strictSame([...hosts], [new URL(url).host])
  const answer = await fetch(url)
  const policy = answer.headers.get('content-security-policy') ?? ''
  t.match(
    policy,
    /^default-src 'none'; script-src 'sha256-[^ ]+'; style-src 'sha256-[^ ]+'; connect-src 'self';/
  )
  t.notMatch(policy, /unsafe|https?:|\*/)
})

t.test('search and filters are those of the listing, and live in the address', { skip }, async (t) => {
  const { url, service } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  await page.locator('#q').pressSequentially('MONDAYS report-1')
  const { total } = await service.get<Listing>('/reports-index?q=mondays+report-1')
  await shows(page, `${total} of 203 reports`)
  t.match(page.url(), /\?q=MONDAYS\+report-1$/)
  await page.getByRole('checkbox', { name: /plan/ }).check()
  const both = await service.get<Listing>('/reports-index?q=mondays+report-1&type=plan')
  await shows(page, `${both.total} of 203 reports`)
  const counts = await page.locator('#types label').allTextContents()
  for (const type of ['audit', 'plan', 'log']) {
    const alone = await service.get<Listing>(`/reports-index?q=mondays+report-1&type=${type}`)
    t.ok(counts.includes(`${type}${alone.total}`), `${type} would show ${alone.total}: ${counts.join(', ')}`)
  }
  await page.getByLabel('From', { exact: true }).fill('2026-02-01')
  const three = await service.get<Listing>('/reports-index?q=mondays+report-1&type=plan&from=2026-02-01')
  await shows(page, `${three.total} of 203 reports`)
  await page.reload()
  await shows(page, `${three.total} of 203 reports`)
  t.equal(await page.locator('#q').inputValue(), 'MONDAYS report-1')
  await page.goBack()
  await shows(page, `${both.total} of 203 reports`)
  await page.locator('#q').fill('nowhere to be found')
  t.ok(await page.getByText('No report matches.').isVisible())
  await page.getByRole('button', { name: 'Clear all filters' }).first().click()
  await shows(page, '203 reports')
  t.equal(new URL(page.url()).search, '')
})

t.test('the chart filters by a click, by a drag, and by none again', { skip }, async (t) => {
  const { url, service } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  const box = await page.locator('#chart').boundingBox()
  t.ok(box)
  const { x, y, width, height } = box as NonNullable<typeof box>
  const drag = async (from: number, to: number) => {
    await page.mouse.move(x + width * from, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + width * to, y + height / 2, { steps: 5 })
    await page.mouse.up()
  }
  await drag(0.7, 0.3)
  await until(() => page.url().includes('from='))
  const chosen = new URL(page.url()).search
  const { total } = await service.get<Listing>(`/reports-index${chosen}`)
  t.ok(total > 20 && total < 150, chosen)
  await shows(page, `${total} of 203 reports`)
  t.equal(
    await page.getByLabel('From', { exact: true }).inputValue(),
    new URL(page.url()).searchParams.get('from')
  )
  await drag(0.5, 0.5)
  await until(() => new URL(page.url()).search !== chosen)
  await drag(0.5, 0.5)
  await shows(page, '203 reports')
})

t.test('all of it can be done with keys', { skip }, async (t) => {
  const { url } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  const focused = () => page.evaluate<string | null>('document.activeElement.textContent')
  await page.keyboard.press('/')
  await page.keyboard.type('report')
  await page.keyboard.press('ArrowDown')
  const titles = await page.locator('.title').allTextContents()
  t.equal(await focused(), titles[0])
  await page.keyboard.press('ArrowDown')
  t.equal(await focused(), titles[1])
  await page.keyboard.press('End')
  t.match(await focused(), /Report [01] /)
  t.ok(await page.locator(':focus').isVisible())
  await page.keyboard.press('Home')
  t.equal(await focused(), titles[0])
  await page.keyboard.press('PageDown')
  t.not(await focused(), titles[0])
  const opened = page.context().waitForEvent('page')
  const name = await focused()
  await page.keyboard.press('Enter')
  const report = await opened
  await report.waitForLoadState()
  t.equal(await report.locator('h1').textContent(), name)
  await report.close()
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  await shows(page, '203 reports')
  const names = new Set<unknown>()
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab')
    names.add(await page.evaluate('document.activeElement.id || document.activeElement.className'))
  }
  for (const name of ['from', 'to', 'rebuild', 'title']) t.ok(names.has(name), `${name} is reached by Tab`)
})

t.test('a new report appears by itself; place, focus and selection stay', { skip }, async (t) => {
  const { url, folder, service } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  await page.keyboard.press('/')
  await page.keyboard.press('ArrowDown')
  for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowDown')
  const seen = () =>
    page.evaluate<{ focus: string; top: number; selected: string }>(`({
      focus: document.activeElement.textContent,
      top: Math.round(document.activeElement.getBoundingClientRect().top),
      selected: String(getSelection())
    })`)
  await page.evaluate('getSelection().selectAllChildren(document.activeElement)')
  const before = await seen()
  t.match(before.selected, /Report/)
  plant(folder, { 'a/2026-12-24-news.md': '# News <b>of</b> the day', 'a/2026-12-25-more.md': '# More' })
  const { count } = await service.rebuild()
  await shows(page, `${count} reports`)
  t.strictSame(await seen(), before)
  const news = '2 new reports: More, News of the day'
  t.equal(await page.locator('#news').textContent(), news)
  plant(folder, { 'a/2026-12-24-news.md': '# News of the day, again' })
  await service.rebuild()
  await until(async () => (await page.locator('#fresh').getAttribute('class')) === 'ok')
  await page.evaluate("document.getElementById('reports').scrollTop = 0")
  await titleIn(page, 'News of the day, again').waitFor()
  t.equal(await page.locator('#news').textContent(), news, 'what changed is not new')
  t.match(await seen(), { focus: before.focus }, 'what is scrolled away keeps the focus')
  fs.rmSync(join(folder, 'a/2026-12-25-more.md'))
  await service.rebuild()
  await shows(page, '204 reports')
  t.equal(await titleIn(page, 'More').count(), 0)
})

t.test(
  'who reads keeps his place when what he reads moves away, and his focus when it is removed',
  { skip },
  async (t) => {
    const { url, folder, service } = await stage(t)
    const { page } = await openPage(t, url)
    await shows(page, '203 reports')
    await page.evaluate("document.getElementById('reports').scrollTop = 3000")
    const topTitle = `[...document.querySelectorAll('.title')].map((e) => [e.textContent, e.getBoundingClientRect().top]).filter(([, top]) => top > 190).toSorted((a, b) => a[1] - b[1])`
    let seen: [string, number][] = []
    await until(async () => (seen = await page.evaluate<[string, number][]>(topTitle)).length > 5)
    const name = (title: string) =>
      Object.keys(FILES).find((rel) => rel.endsWith(`-${title.split(' ')[1]}.md`)) as string
    const [[first], [second, top]] = seen as [[string, number], [string, number]]
    plant(folder, { [name(first)]: '---\ndate: 2026-12-31\n---\n# Moved', 'a/2026-12-30-x.md': '# X' })
    await service.rebuild()
    await shows(page, '204 reports')
    const now = await page.evaluate<[string, number][]>(topTitle)
    const moved = now.find(([title]) => title === second)
    t.ok(moved && Math.abs(moved[1] - top) < 120, `${second} was at ${top}, and is at ${moved?.[1]}`)
    await titleIn(page, second).focus()
    const after = (now[now.findIndex(([title]) => title === second) + 1] as [string, number])[0]
    fs.rmSync(join(folder, name(second)))
    await service.rebuild()
    await shows(page, '203 reports')
    t.equal(await page.evaluate('document.activeElement.textContent'), after)
  }
)

t.test('odd days break neither the chart nor the address', { skip }, async (t) => {
  const files = {
    'a/first.md': '---\ndate: 0001-01-01\n---\n',
    'a/last.md': '---\ndate: 9999-12-31\n---\n',
    'b/now.md': '---\ndate: 2026-01-01\n---\n'
  }
  const { url, service } = await stage(t, files)
  const { page } = await openPage(t, url)
  await shows(page, '3 reports')
  t.strictSame(await page.locator('#first, #last').allTextContents(), ['0001-01-01', '9999-12-31'])
  const { x = 0, y = 0, width = 0 } = (await page.locator('#chart').boundingBox()) ?? {}
  for (const at of [2, width - 2]) {
    await page.mouse.click(x + at, y + 5)
    await shows(page, '1 of 3 reports')
    t.equal((await service.get<Listing>(`/reports-index${new URL(page.url()).search}`)).total, 1)
    await page.getByRole('button', { name: 'Clear all filters' }).first().click()
  }
  const length = await page.evaluate<number>('history.length')
  await page.getByLabel('From', { exact: true }).pressSequentially('01012026')
  await shows(page, '2 of 3 reports')
  t.equal(await page.evaluate('history.length'), length + 1, 'typing is one step')
})

t.test('a service without reports says so', { skip }, async (t) => {
  const { page } = await openPage(t, (await stage(t, {})).url)
  await page.getByText('There are no reports yet.').waitFor()
  t.equal(await page.getByText('No report matches.').isVisible(), false)
})

t.test('it comes back by itself when the service was away', { skip }, async (t) => {
  const { url, folder, service } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  await service.stop()
  await page.locator('#notices', { hasText: 'The service gives no answer since' }).waitFor()
  t.equal(await countIn(page), '203 reports', 'what was seen stays')
  plant(folder, { 'b/new.md': '# New' })
  const port = new URL(url).port
  const flags = ['--base', `a=${folder}/a`, '--base', `b=${folder}/b`, '--manifest', `${folder}/s/m.json`]
  const again = await Service.start([...flags, '--refresh', '0', '--port', port])
  t.teardown(() => again.stop('SIGKILL'))
  await shows(page, '204 reports')
  await until(async () => (await page.locator('#notices').textContent()) === '')
})

t.test('what other builds on the manifest have put there is told', { skip }, async (t) => {
  const { url, folder, service } = await stage(t)
  plant(folder, { 'c/one.md': '# One' })
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  const args = ['--base', `c=${folder}/c`, '--manifest', `${folder}/s/m.json`]
  t.match(await run(['build', ...args]), { code: 1, stderr: /holds the base a,/ })
  await service.rebuild()
  await shows(page, '204 reports')
  await page.reload()
  const notice = page.locator('#notices p', { hasText: 'holds the base c, which is none of the bases here' })
  await notice.waitFor()
  t.match(await notice.textContent(), /^The manifest holds .*reports-index build --forget-base c\.$/)
})

t.test('what is wrong is said in plain words, with what to do', { skip }, async (t) => {
  const { url, folder, service } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  t.equal(await page.locator('#notices').textContent(), '')
  fs.renameSync(join(folder, 'b'), join(folder, 'away'))
  for (const rel of Object.keys(FILES).filter((name) => name.startsWith('a/'))) fs.rmSync(join(folder, rel))
  await service.rebuild()
  await page.reload()
  const notices = page.locator('#notices p')
  await notices.nth(1).waitFor()
  const texts = await notices.allTextContents()
  t.match(
    texts[0],
    /^a may be unmounted: too many of its reports are missing at once\. It was last seen whole .*200 /
  )
  t.match(texts[0], /--accept-removals a/)
  t.match(
    texts[1],
    /^b cannot be read\. .* its 3 known reports stay listed until it answers again\. Look at /
  )
  t.equal(await countIn(page), '203 reports')
  t.ok(await page.locator('#fresh.degraded').isVisible())
})

/** Answers the page's question for the health of the service with these bases instead. */
async function tellBases(page: Page, bases: () => Partial<Health['bases'][number]>[]): Promise<void> {
  await page.route('**/health', async (route) => {
    const health = (await (await route.fetch()).json()) as Health
    const told = bases().map((base, i) => ({ ...(health.bases[i] as object), ...base }))
    await route.fulfill({ json: { ...health, status: 'degraded', bases: told } })
  })
}

t.test('when a base was last seen whole stays the same while it is suspect', { skip }, async (t) => {
  const { url } = await stage(t)
  const { page } = await openPage(t, url)
  const error = 'all 200 reports are missing'
  let bases: Partial<Health['bases'][number]>[] = [
    { status: 'suspect', scannedAt: '2026-01-02T03:04:05.000Z', error },
    { status: 'unavailable', scannedAt: '2026-01-03T03:04:05.000Z', error: 'it does not exist' }
  ]
  await tellBases(page, () => bases)
  const notice = page.locator('#notices p')
  const told = async () => {
    await page.reload()
    await notice.nth(1).waitFor()
    return await notice.allTextContents()
  }
  const [suspect, unavailable] = await told()
  t.match(suspect, /It was last seen whole Jan [12], 2026, /)
  t.match(unavailable, /It was last seen whole Jan [23], 2026, /)
  bases = bases.map((base) => ({ ...base, scannedAt: null }))
  for (const [i, text] of (await told()).entries()) {
    t.match(text, /It is not known when it was last seen whole\./, 'reports that are listed were seen once')
    t.notMatch(text, /never|1970|Invalid/, String(i))
  }
  bases = bases.map((base) => ({ ...base, count: 0 }))
  for (const text of await told()) t.match(text, /No build has seen it whole yet\./)
})

const skipCurl = skip || (spawnSync('curl', ['--version']).status !== 0 && 'needs curl')

t.test(
  'the remedy that the page gives for lost reports works as it stands',
  { skip: skipCurl },
  async (t) => {
    for (const flags of [[], ['--token', 'secret']]) {
      const { url, folder, service } = await stage(t, FILES, flags)
      const headers = { authorization: 'Bearer secret' }
      const { page } = await openPage(t, url)
      await shows(page, '203 reports')
      for (const rel of Object.keys(FILES).filter((name) => name.startsWith('b/')))
        fs.rmSync(join(folder, rel))
      await fetch(`${service.url}/rebuild`, { method: 'POST', headers })
      await page.reload()
      const command = (await page.locator('#notices code').textContent()) as string
      const env = { PATH: process.env['PATH'], REPORTS_INDEX_TOKEN: 'secret' }
      const cwd = scratch(t)
      const ran = spawnSync('sh', ['-c', command], { env, cwd, encoding: 'utf8' })
      t.match(ran, { status: 0, stdout: /"removed":3/ }, command)
      await shows(page, '200 reports')
    }
  }
)

t.test('the button has the reports looked at, and says how that went', { skip }, async (t) => {
  const { url, folder } = await stage(t, FILES, ['--token', 'secret'])
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  plant(folder, { 'b/new.md': '# New' })
  await page.getByRole('button', { name: 'Rebuild' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  t.equal(await countIn(page), '203 reports')
  await page.getByRole('button', { name: 'Rebuild' }).click()
  for (const token of ['wrong', 'wröng €', 'secret']) {
    t.equal(await dialog.getByText('That token was not accepted.').isVisible(), token !== 'wrong', token)
    await dialog.getByLabel('Token').fill(token)
    await page.keyboard.press('Enter')
    await until(async () => (await page.locator('#token').inputValue()) === '' || token === 'secret')
  }
  await page.locator('#work', { hasText: /Rebuilt in [\d.]+ s: 204 reports; 1 added/ }).waitFor()
  await shows(page, '204 reports')
})

const HOSTILE = {
  'a/script.html': `<title>Script</title><h1>ran: no</h1><script>
    document.querySelector('h1').textContent = 'ran: yes'
    fetch('/rebuild', { method: 'POST' })
  </script><form action="/rebuild" method="post"><button id="go">go</button></form><img src="x" onerror="fetch('/rebuild', { method: 'POST' })">`,
  'a/script.md': `# <img src=x onerror="fetch('/rebuild',{method:'POST'})"> Markdown\n\n<script>fetch('/rebuild',{method:'POST'})</script>\n`,
  'a/title.md': `---\ntitle: "<img src=x onerror=alert(1)><script>alert(2)</script> &amp; \\u202Eright to left"\n---\n`,
  'a/type.md': `---\ntype: "<b onclick=alert(1)>bold</b>"\n---\n`,
  'b/עברית <i>.md': '# שלום, world',
  'b/"quoted" & \'odd\' %41#?.md': '# Odd name'
}

t.test('hostile titles are text, and a hostile report acts on nothing', { skip }, async (t) => {
  const { url, service } = await stage(t, HOSTILE)
  const { page } = await openPage(t, url)
  await shows(page, '6 reports')
  t.equal(await page.locator('#reports img, #reports script, #reports b, #reports i').count(), 0)
  t.equal(await page.locator('.title[dir=auto]').count(), 6)
  t.ok(await page.getByText('<img src=x onerror=alert(1)><script>alert(2)</script> &amp;').isVisible())
  const posts: string[] = []
  page.context().on('request', (request) => {
    if (request.method() === 'POST') posts.push(request.url())
  })
  const { last } = await service.get<{ last: { endedAt: string } }>('/rebuild')
  for (const title of ['Script', 'Markdown', 'Odd name', 'שלום']) {
    const opened = page.context().waitForEvent('page')
    await titleIn(page, title).click()
    const report = await opened
    await report.waitForLoadState()
    t.equal(await report.evaluate('self.origin'), 'null', `${title} has no origin`)
    if (title === 'Script') {
      t.equal(await report.locator('h1').textContent(), 'ran: no')
      await report.locator('#go').click()
    }
    if (title === 'Odd name') t.equal(await report.locator('h1').textContent(), 'Odd name')
    await report.close()
  }
  t.strictSame(posts, [])
  t.equal((await service.get<typeof last & { last: typeof last }>('/rebuild')).last.endedAt, last.endedAt)
})

t.test('links lead to a template, to the reports, or nowhere', { skip }, async (t) => {
  const files = { 'b/ü &/x.html': '<title>X</title>' }
  const template = 'https://mc.example/r/{base}/{rel}'
  const other = await openPage(t, (await stage(t, files, ['--report-url', template])).url)
  await titleIn(other.page, 'X').waitFor()
  t.equal(await titleIn(other.page, 'X').getAttribute('href'), 'https://mc.example/r/b/%C3%BC%20%26/x.html')
  t.equal(await other.page.locator('#no-links').isVisible(), false)
  const nowhere = await openPage(t, (await stage(t, files, [])).url)
  await titleIn(nowhere.page, 'X').waitFor()
  t.equal(await nowhere.page.locator('a.title').count(), 0)
  const why = nowhere.page.locator('#no-links')
  t.ok(await why.isVisible(), 'it says why')
  t.match(await why.textContent(), /--serve-reports/)
})

t.test(
  'a report whose name no address can hold is shown, and costs no other its place',
  { skip },
  async (t) => {
    const { url } = await stage(t)
    const names = ['x\ud800.md', '\udfff/x.md', 'x\udc00\ud800.html', '\ud83d.md']
    for (const rel of names) {
      const { page } = await openPage(t, url)
      await shows(page, '203 reports')
      await page.route(/\/reports-index(\?.*)?$/, async (route) => {
        const answer = await route.fetch()
        const { reports, ...listing } = (await answer.json()) as Listing
        const odd = { ...reports[0], rel, title: 'Odd' }
        const json = { ...listing, count: 204, total: 204, reports: [odd, ...reports] }
        await route.fulfill({ response: answer, body: JSON.stringify(json) })
      })
      await page.reload()
      await shows(page, '204 reports')
      const title = titleIn(page, 'Odd')
      t.equal(await title.getAttribute('href'), null)
      t.match(await page.locator('li', { has: title }).textContent(), /cannot be opened/)
      t.equal(await page.locator('li', { hasText: 'Report 199' }).locator('a.title').count(), 1)
      await page.locator('#q').fill('odd')
      await shows(page, '1 of 204 reports')
    }
  }
)

const require = createRequire(import.meta.url)

t.test('it keeps nobody out, in any width and colour', { skip }, async (t) => {
  const { url, folder, service } = await stage(t)
  fs.renameSync(join(folder, 'b'), join(folder, 'away'))
  await service.rebuild()
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  for (const width of [390, 820, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await openPage(t, `${url}?q=report&type=audit`, { width, colorScheme })
      await page.locator('#notices p').waitFor()
      await page.locator('.title').first().waitFor()
      t.strictSame(await violationsIn(page, axe), [], `${width} ${colorScheme}`)
      t.ok(
        await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'),
        'nothing is wider than the page'
      )
    }
  }
  const { page } = await openPage(t, `${url}reports/a/${day(3)}-report-6.md?view=rendered`)
  t.equal(await page.title(), 'Report 6 of days')
})

t.test('the list keeps room in small and zoomed windows, and all of it is printed', { skip }, async (t) => {
  const { url } = await stage(t)
  for (const [width, height] of [
    [320, 256],
    [640, 360],
    [640, 400],
    [320, 568],
    [1280, 400]
  ] as const) {
    const { page } = await openPage(t, url, { width, height })
    await shows(page, '203 reports')
    const open = page.locator('#more > summary')
    if (await open.isVisible()) await open.click()
    const box = await page.locator('#reports').boundingBox()
    t.ok(box && box.height >= 150, `${width} x ${height}: ${box?.height}`)
    await page.locator('.title').first().focus()
    t.ok(await page.locator('.title').first().isVisible())
    t.ok(await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'))
  }
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  await page.emulateMedia({ media: 'print' })
  await page.evaluate("dispatchEvent(new Event('beforeprint'))")
  t.equal(await page.locator('.title').count(), 203)
  t.equal(await page.locator('#filters').isVisible(), false)
})

t.test('the day over the list is that of the first report in sight, at every place', { skip }, async (t) => {
  const counts = [1, 3, 1, 1, 7, 2, 1, 4, 1, 1, 12, 1]
  const files = counts.flatMap((count, i) =>
    Array.from({ length: count * 2 }, (_, j) => [`a/${day(i)}-${j}.md`, `# ${day(i)}, ${j}`])
  )
  const { url } = await stage(t, Object.fromEntries(files))
  for (const width of [1280, 390]) {
    const { page } = await openPage(t, url, { width })
    await shows(page, `${files.length} reports`)
    const wrong = await page.evaluate<{ places: number; wrong: string[] }>(`(() => {
      const list = document.getElementById('reports')
      const bar = document.querySelector('#day span')
      const words = new Intl.DateTimeFormat('en', { dateStyle: 'full', timeZone: 'UTC' })
      const [wrong, end] = [[], list.scrollHeight - list.clientHeight]
      let places = 0
      for (let y = 1; y <= end; y += 3, places++) {
        list.scrollTop = y
        list.dispatchEvent(new Event('scroll'))
        const edge = bar.getBoundingClientRect().bottom
        const reports = [...document.querySelectorAll('.report')].map((report) => [report.getBoundingClientRect().bottom, report])
        const [, first] = reports.filter(([bottom]) => bottom > edge + 0.5).toSorted(([a], [b]) => a - b)[0]
        const day = words.format(new Date(first.querySelector('.title').textContent.slice(0, 10) + 'T00:00:00Z'))
        if (bar.textContent !== day) wrong.push(y + ': ' + bar.textContent + ' over ' + day)
        if (first.querySelector('.title').tabIndex !== 0) wrong.push(y + ': Tab goes to another')
      }
      return { places, wrong }
    })()`)
    t.ok(wrong.places > 500, `${wrong.places} places`)
    t.strictSame(wrong.wrong, [], `${width}`)
  }
})

t.test('in a small window a report is in sight, and the filters can be folded', { skip }, async (t) => {
  const { url } = await stage(t, FILES, [])
  for (const [width, height] of [
    [360, 640],
    [480, 700],
    [853, 480],
    [844, 390],
    [640, 360],
    [1280, 400]
  ] as const) {
    const { page } = await openPage(t, url, { width, height })
    for (const notices of [0, 2]) {
      if (notices > 0) await tellBases(page, () => [{ status: 'suspect' }, { status: 'unavailable' }])
      await page.reload()
      await shows(page, '203 reports')
      await page.locator('#fresh[class]').waitFor()
      t.equal(await page.locator('#notices p').count(), notices)
      const name = `${width} x ${height}, ${notices} notices`
      const box = await page.locator('.report').first().boundingBox()
      t.ok(box && box.y >= 0 && box.y + box.height <= height, `${name}: ${box?.y}`)
      const summary = page.locator('#more > summary')
      t.ok(await summary.isVisible(), name)
      await summary.click()
      t.ok(await page.locator('#from').isVisible(), 'the filters open')
      await summary.click()
      t.equal(await page.locator('#from').isVisible(), false, 'and fold')
    }
  }
})

t.test('filters follow the room that there is, and do not go while one is filled in', { skip }, async (t) => {
  const { url } = await stage(t)
  const { page } = await openPage(t, url)
  await shows(page, '203 reports')
  const isShown = async () => await page.locator('#from').isVisible()
  t.equal(await isShown(), true)
  await page.setViewportSize({ width: 1280, height: 400 })
  await until(async () => !(await isShown()))
  await page.setViewportSize({ width: 1280, height: 800 })
  await until(isShown)
  await page.locator('#from').focus()
  await page.setViewportSize({ width: 390, height: 800 })
  await page.locator('#more > summary').waitFor()
  t.equal(await isShown(), true)
})

const WORDS = 'Reference Identifier Description Responsible Measurement Remediation Acknowledgement'.split(
  ' '
)
const TABLE = [WORDS, WORDS.map(() => '---'), WORDS.map((word) => `${word}s, \`${word}.ts\``), WORDS]

t.test(
  'words in the tables of a Markdown report stay whole; nothing is wider than the page',
  { skip },
  async (t) => {
    const table = TABLE.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
    const { url } = await stage(t, { 'a/t.md': `# T\n\n${table}\n\n${'long'.repeat(200)}\n` })
    await until(async () => (await fetch(`${url}reports/a/t.md`)).ok)
    for (const width of [320, 390, 820]) {
      const { page } = await openPage(t, `${url}reports/a/t.md?view=rendered`, { width })
      const broken = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('td, th')].flatMap((cell) => {
      const broken = []
      const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
      for (let text; (text = texts.nextNode()); )
        for (const { index, 0: word } of text.data.matchAll(/\\w+/g)) {
          const range = document.createRange()
          range.setStart(text, index)
          range.setEnd(text, index + word.length)
          if (new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) broken.push(word)
        }
      return broken
    })`)
      t.strictSame(broken, [], `${width}`)
      t.ok(await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'))
    }
  }
)

async function violationsIn(page: Page, axe: string): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    'axe.run()'
  )
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

t.teardown(closeBrowser)
