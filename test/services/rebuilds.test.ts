import t from 'tap'
import type { Built } from '../../src/services/builder-messages.js'
import { ChildLost } from '../../src/services/errors.js'
import { isBelowBase, jobFor, mergeJobs, refresh } from '../../src/services/job.js'
import { Queue } from '../../src/services/queue.js'
import { type RebuildPorts, Rebuilds } from '../../src/services/rebuilds.js'
import { Tickets } from '../../src/services/tickets.js'
import { until } from '../support.js'

/** Jobs that end when they are told to. */
function stage() {
  const ends: (() => void)[] = []
  const began: string[] = []
  const queue = new Queue<string, string>(
    (job) => {
      began.push(job)
      return new Promise((resolve, reject) =>
        ends.push(() => (job.includes('!') ? reject(new Error(job)) : resolve(job)))
      )
    },
    (a, b) => `${a}+${b}`
  )
  return { queue, began, end: () => ends.shift()?.() }
}

t.test('a request joins the job that waits, never the one that runs', async (t) => {
  const { queue, began, end } = stage()
  const a = queue.request('a')
  const b = queue.request('b')
  const c = queue.request('c')
  t.equal(b, c)
  t.equal(a.state, 'running')
  t.equal(b.state, 'waiting')
  end()
  t.equal(await a.done, 'a')
  t.strictSame(began, ['a', 'b+c'])
  t.equal(b.state, 'running')
  end()
  t.equal(await c.done, 'b+c')
  t.equal(queue.running, undefined)
})

t.test('a job that fails fails those who asked for it, and the next one runs', async (t) => {
  const { queue, end } = stage()
  const a = queue.request('a!')
  const b = queue.request('b')
  end()
  await t.rejects(a.done, { message: 'a!' })
  t.equal(a.state, 'failed')
  end()
  t.equal(await b.done, 'b')
})

t.test('a closed queue refuses what waits and what comes', async (t) => {
  const { queue, began } = stage()
  queue.request('a')
  const b = queue.request('b')
  queue.close(new Error('closing'))
  await t.rejects(b.done, { message: 'closing' })
  await t.rejects(queue.request('c').done, { message: 'closing' })
  t.strictSame(began, ['a'])
})

t.test('one job covers all that was asked for', async (t) => {
  const path = { base: 'b', rel: 'a.md' }
  t.strictSame(jobFor({}), refresh)
  t.strictSame(jobFor({ paths: [path] }).mode, 'paths')
  t.strictSame(jobFor({ paths: [path], mode: 'incremental' }).mode, 'paths')
  t.strictSame(jobFor({ paths: [path], mode: 'full' }).mode, 'paths')
  t.strictSame(jobFor({ paths: [] }).mode, 'incremental')
  t.strictSame(jobFor({ paths: [path], acceptRemovals: ['b'] }).mode, 'incremental')
  t.strictSame(mergeJobs(jobFor({ paths: [path] }), jobFor({ mode: 'full', acceptRemovals: ['b', 'b'] })), {
    mode: 'full',
    paths: [path],
    acceptRemovals: ['b']
  })
  t.ok(mergeJobs(refresh, { ...refresh, mend: true }).mend)
  const [early, late] = [
    { ...refresh, askedAt: 'x:9' as const },
    { ...refresh, askedAt: 'x:10' as const }
  ]
  t.equal(mergeJobs(early, late).askedAt, 'x:10')
  t.equal(mergeJobs(late, early).askedAt, 'x:10')
  t.equal(mergeJobs(late, refresh).askedAt, undefined, 'who names no moment is covered by no other build')
})

t.test('a path stays below its base, or is refused', async (t) => {
  for (const rel of ['a', 'a/b', '..a/b..', 'a b', 'ü', '...']) t.ok(isBelowBase(rel), rel)
  for (const rel of ['', '/', '/a', 'a/', 'a//b', '.', './a', 'a/./b', '..', '../a', 'a/../b', 'a/..', 'a\0'])
    t.notOk(isBelowBase(rel), rel)
})

const built: Built = {
  result: {
    etag: 'e',
    count: 0,
    added: 0,
    updated: 0,
    removed: 0,
    unchanged: 0,
    skippedLinks: 0,
    filesRead: 0,
    warnings: [],
    bases: [],
    startedAt: '',
    durationMs: 7,
    steps: []
  },
  status: { version: 1, etag: 'e', startedAt: '', checkedAt: '', durationMs: 7, bases: [], warnings: [] }
}

function rebuilds(over: Partial<RebuildPorts>): Rebuilds {
  return new Rebuilds({
    build: async () => built,
    findEscape: async () => undefined,
    stop: async () => {},
    landed: async () => {},
    failed() {},
    wantsListing: () => false,
    wantsMending: () => false,
    baseNames: ['b'],
    toldAt: () => 5,
    now: () => 0,
    tick: () => 'here:0',
    ...over
  })
}

t.test('an answer comes after the listing was taken over', async (t) => {
  const order: string[] = []
  const builds = rebuilds({
    landed: async () => {
      await new Promise(setImmediate)
      order.push('landed')
    }
  })
  await builds.request(refresh).done
  t.strictSame([...order, 'answered'], ['landed', 'answered'])
  t.match(builds.overview(), {
    running: null,
    waiting: false,
    last: { state: 'done', result: { durationMs: 7 } }
  })
})

t.test(
  'a build that could not be written is an error of the builder, and forgotten after the next good one',
  async (t) => {
    let fails = true
    const builds = rebuilds({ build: async () => (fails ? { ...built, notWritten: 'ENOSPC' } : built) })
    await builds.request(refresh).done
    t.match(builds.health(null), { running: false, lastError: /its disk is full \(ENOSPC\)/ })
    fails = false
    await builds.request(refresh).done
    t.match(builds.health(null), { lastError: null })
  }
)

t.test(
  'a builder that is killed is started anew, once; then the build fails, not the next one',
  async (t) => {
    let deaths = 1
    const told: string[] = []
    const builds = rebuilds({
      build: async () => {
        if (deaths-- > 0) throw new ChildLost('killed')
        return built
      },
      failed: (error) => told.push(error.message)
    })
    t.equal(await builds.request(refresh).done, built)
    deaths = 2
    await t.rejects(builds.request(refresh).done, { code: 'RI_ERR_BUILD_FAILED', statusCode: 503 })
    t.strictSame(told, ['the build failed: killed'])
    t.equal(await builds.request(refresh).done, built)
  }
)

t.test('who waits when the service stops is told so', async (t) => {
  let die: (error: Error) => void = () => {}
  const builds = rebuilds({
    build: () => new Promise((_resolve, reject) => (die = reject)),
    stop: async () => die(new Error('given up'))
  })
  const running = builds.request(refresh)
  const waiting = builds.request(refresh)
  await builds.stop()
  await t.rejects(running.done, { code: 'RI_ERR_STOPPING' })
  await t.rejects(waiting.done, { code: 'RI_ERR_STOPPING' })
})

t.test('what a request names is checked before anything is built', async (t) => {
  const paths = [{ base: 'b', rel: 'l/a.md' }]
  const builds = rebuilds({ findEscape: async () => paths[0] })
  await t.rejects(builds.check(jobFor({ paths })), { code: 'RI_ERR_BAD_PATH', message: /"l\/a.md"/ })
  await t.rejects(builds.check(jobFor({ paths: [{ base: 'b', rel: '../x' }] })), { code: 'RI_ERR_BAD_PATH' })
  await t.rejects(builds.check(jobFor({ paths: [{ base: 'c', rel: 'x' }] })), { code: 'RI_ERR_UNKNOWN_BASE' })
  await t.rejects(builds.check(jobFor({ acceptRemovals: ['c'] })), { code: 'RI_ERR_UNKNOWN_BASE' })
})

t.test('a check is tried again, too, when its builder was killed', async (t) => {
  let deaths = 1
  const builds = rebuilds({
    findEscape: async () => {
      if (deaths-- > 0) throw new ChildLost('killed')
      return undefined
    }
  })
  const job = jobFor({ paths: [{ base: 'b', rel: 'a.md' }] })
  await builds.check(job)
  deaths = 2
  await t.rejects(builds.check(job), { code: 'RI_ERR_BUILD_FAILED' })
})

t.test('a ticket tells where its build stands, and is kept for 11 minutes after its end', async (t) => {
  let now = 0
  const tickets = new Tickets(() => now)
  const { queue, end } = stage()
  queue.request('first')
  const place = queue.request('second')
  const note = (one = place) =>
    tickets.note(
      one,
      one.done.then(() => ({ ...built.result }))
    )
  const id = note()
  t.equal(note(), id, 'who shares a build shares its ticket')
  t.strictSame(tickets.find(id), { id, state: 'waiting' })
  t.equal(tickets.find('other'), undefined)
  end()
  await new Promise(setImmediate)
  t.strictSame(tickets.find(id), { id, state: 'running' })
  end()
  await place.done
  await new Promise(setImmediate)
  t.match(tickets.find(id), { id, state: 'done', result: { durationMs: 7 } })
  t.equal(tickets.find(id), tickets.find(id), 'the same object, so that it is written once')
  now = 11 * 60_000
  const failed = tickets.note(other(), Promise.reject(Object.assign(new Error('no'), { code: 'X' })))
  await new Promise(setImmediate)
  t.match(tickets.find(failed), { state: 'failed', error: { code: 'X', message: 'no' } })
  t.ok(tickets.find(id))
  now++
  tickets.note(other(), new Promise(() => {}))
  t.notOk(tickets.find(id))
})

/** A place of a build of its own. */
const other = () => stage().queue.request('other')

t.test('of many tickets the oldest whose build has ended is forgotten', async (t) => {
  const tickets = new Tickets(() => 0)
  const waiting = tickets.note(other(), new Promise(() => {}))
  const ended: string[] = []
  for (let i = 0; i < 20_010; i++) ended.push(tickets.note(other(), Promise.resolve(built.result)))
  await new Promise(setImmediate)
  const known = ended.filter((id) => tickets.find(id))
  t.equal(known.length, 19_999)
  t.strictSame(known, ended.slice(11))
  t.match(tickets.find(waiting), { state: 'running' }, 'but none that is still to come')
})

t.test(
  'of many warnings those of the oldest results are forgotten; the same ones are kept once',
  async (t) => {
    const tickets = new Tickets(() => 0)
    const note = async (message: string) => {
      const warnings = Array.from({ length: 150_000 }, () => ({
        code: 'front-matter',
        base: 'b',
        rel: 'x.md',
        message
      }))
      const id = tickets.note(other(), Promise.resolve({ ...built.result, warnings }))
      await new Promise(setImmediate)
      return id
    }
    const ids: string[] = []
    for (const message of ['same', 'same', 'same', 'same', 'another']) ids.push(await note(message))
    t.ok(
      ids.every((id) => tickets.find(id)),
      'there is room for all of them'
    )
    t.equal(
      tickets.find(ids[0] as string)?.result?.warnings,
      tickets.find(ids[3] as string)?.result?.warnings
    )
    ids.push(await note('a third one'))
    t.strictSame(
      ids.map((id) => tickets.find(id) !== undefined),
      [false, false, false, false, true, true]
    )
  }
)

t.test(
  'what is being checked counts as what waits, and a few paths wait for no checks of many',
  async (t) => {
    const checks: { length: number; end(): void }[] = []
    const builds = rebuilds({
      build: () => new Promise(() => {}),
      findEscape: ({ length }) =>
        new Promise((resolve) => checks.push({ length, end: () => resolve(undefined) }))
    })
    builds.request(refresh)
    const paths = (count: number) =>
      jobFor({ paths: Array.from({ length: count }, (_, i) => ({ base: 'b', rel: `${i}.md` })) })
    const callers = [{}, {}].map((caller) => ({ caller, signal: new AbortController().signal }))
    const many = Array.from({ length: 99 }, () => builds.check(paths(1000), callers[0]))
    const [gone, last] = [new AbortController(), builds.check(paths(1000), callers[1])]
    await t.rejects(builds.check(paths(1000)), { code: 'RI_ERR_BUSY', message: /100000 paths/ })
    const alone = builds.check(paths(1))
    checks.pop()?.end()
    await alone
    checks.at(-1)?.end()
    await new Promise(setImmediate)
    t.equal(checks.length, 2, 'one turn each: the other caller is next')
    t.ok(
      checks.every(({ length }) => length <= 64),
      'a few paths in one turn'
    )
    gone.abort()
    for (let i = 0; checks[i]; await new Promise(setImmediate)) checks[i++]?.end()
    await Promise.all([...many, last])
    const slow = builds.check(paths(1000))
    const quick = builds.check(paths(1))
    checks.find(({ length }) => length === 1)?.end()
    await quick
    t.pass('a few paths were checked while many are')
    for (let i = 0; checks[i]; await new Promise(setImmediate)) checks[i++]?.end()
    await slow
  }
)

t.test('there is room for so many requests behind a build, and for so many paths', async (t) => {
  const builds = rebuilds({ build: () => new Promise(() => {}) })
  builds.request(refresh)
  const paths = Array.from({ length: 1000 }, (_, i) => ({ base: 'b', rel: `${i}.md` }))
  for (let i = 0; i < 100; i++) {
    await builds.check(jobFor({ paths }))
    builds.request(jobFor({ paths }))
  }
  await t.rejects(builds.check(jobFor({ paths })), { code: 'RI_ERR_BUSY', message: /100000 paths/ })
  for (let i = 100; i < 1000; i++) {
    await builds.check(refresh)
    builds.request(refresh)
  }
  await t.rejects(builds.check(refresh), { code: 'RI_ERR_BUSY', statusCode: 503, message: /1000 requests/ })
})

t.test('a manifest that can not be mended is mended less and less often', async (t) => {
  let count = 0
  const builds = rebuilds({
    build: async () => {
      count++
      return built
    },
    landed: async () => builds.mend(),
    wantsMending: () => true
  })
  builds.mend()
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.ok(count <= 2, `${count} builds`)
  await until(() => count === 3)
  await builds.stop()
})
