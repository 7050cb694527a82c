import fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { furnishBuilder } from '../../src/builder-house.js'
import { LockTaken } from '../../src/services/errors.js'
import { BuilderProcess } from '../../src/services/io/builder-process.js'
import { fileLock } from '../../src/services/io/lock.js'
import { refresh } from '../../src/services/job.js'
import { childrenOf, scratch, settingsFor, until } from '../support.js'

function stage(t: Test) {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const settings = settingsFor(folder, ['a'])
  const warnings: string[] = []
  const make = () => {
    const builder = new BuilderProcess({
      main: new URL('../../src/builder-main.js', import.meta.url),
      settings,
      place: () => ({ path: settings.manifest, local: true }),
      lock: fileLock,
      silenceMs: 4000,
      lastGood: () => undefined,
      progress() {},
      warn: (message) => warnings.push(message)
    })
    t.teardown(() => builder.stop())
    return builder
  }
  return { folder, make, warnings, builder: make() }
}

t.test(
  'a builder that gives no sign is left behind, and the next one is careful until all is well',
  async (t) => {
    const { builder, warnings, folder } = stage(t)
    await builder.build(refresh, false)
    const [first] = childrenOf(process.pid)
    process.kill(first as number, 'SIGSTOP')
    await t.rejects(builder.build(refresh, false), { message: /gave no sign for 4 s/ })
    fs.writeFileSync(join(folder, 'a/two.md'), '# Two')
    t.match(await builder.build(refresh, false), { result: { count: 2, bases: [{ status: 'ok' }] } })
    t.match(warnings, [/was left behind; the next one takes no disk for granted/])
    const { result } = (await builder.build(refresh, false)) as {
      result: { count: number; filesRead: number }
    }
    t.equal(result.count, 2)
    // The file of this test's own is read again for as long as its time is too fresh to trust.
    t.ok(result.filesRead < 2, 'known by the same stamps')
    await until(() => childrenOf(process.pid).length === 1)
    t.equal(warnings.length, 1)
  }
)

/** Has a builder hang in a build that holds the lock. */
async function hang(builder: BuilderProcess): Promise<() => Promise<unknown>> {
  await builder.build(refresh, false)
  const [pid] = childrenOf(process.pid)
  process.kill(pid as number, 'SIGSTOP')
  const hanging = builder.build(refresh, false)
  hanging.catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  return () => hanging
}

t.test('a builder that hangs does not keep the lock from others', async (t) => {
  const { builder, make } = stage(t)
  const other = make()
  const ended = await hang(builder)
  const waiting = other.build(refresh, false)
  await t.rejects(ended(), { message: /gave no sign/ })
  t.match(await waiting, { result: { count: 1 } })
})

t.test('a builder that dies fails who waits, and the next question starts another', async (t) => {
  const { builder } = stage(t)
  await builder.build(refresh, false)
  const building = builder.build({ ...refresh, mode: 'full' }, false)
  for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL')
  await t.rejects(building, { message: /the process ended \(SIGKILL\)/ })
  t.match(await builder.build(refresh, false), { result: { count: 1 } })
})

t.test('a builder that was given up takes no more work', async (t) => {
  const { builder } = stage(t)
  await builder.build(refresh, false)
  const building = builder.build({ ...refresh, mode: 'full' }, false)
  building.catch(() => {})
  await builder.stop()
  await t.rejects(building, { message: /given up/ })
  await t.rejects(builder.build(refresh, false), { message: /given up/ })
  t.strictSame(childrenOf(process.pid), [])
})

t.test('who waits for the lock is let go when it is stopped', async (t) => {
  const { builder, make } = stage(t)
  const other = make()
  const ended = await hang(builder)
  const waiting = other.build(refresh, false)
  waiting.catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  const began = performance.now()
  await other.stop()
  await t.rejects(waiting, { message: /given up/ })
  t.ok(performance.now() - began < 2500, 'before the other one is found to hang')
  await t.rejects(ended(), { message: /no sign/ })
})

t.test('who has no listing does not wait for a lock for ever, and writes nothing without it', async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const settings = settingsFor(folder, ['a'])
  const lock = fileLock({ path: settings.manifest, local: true })
  const signal = new AbortController().signal
  let release = () => {}
  const held = lock.hold(
    () => new Promise<void>((resolve) => (release = resolve)),
    async () => undefined,
    { ms: 60_000, signal }
  )
  await t.rejects(
    lock.hold(
      async () => 1,
      async () => undefined,
      { ms: 100, signal }
    ),
    new LockTaken('another process builds, and does not come to an end; is it stopped?')
  )
  const builder = new BuilderProcess({
    main: new URL('../../src/builder-main.js', import.meta.url),
    settings,
    place: () => ({ path: settings.manifest, local: true }),
    lock: (place) => ({
      hold: async (work, instead, patience) =>
        await fileLock(place).hold(work, instead, { ...patience, ms: 100 })
    }),
    silenceMs: 30_000,
    lastGood: () => undefined,
    progress() {},
    warn() {}
  })
  t.teardown(() => builder.stop())
  t.match(await builder.build(refresh, true), { notWritten: 'RI_ERR_LOCKED', snapshot: { count: 1 } })
  t.notOk(fs.existsSync(settings.manifest))
  await t.rejects(builder.build(refresh, false), { message: /is it stopped/ })
  release()
  await held
  t.match(await builder.build(refresh, false), { result: { count: 1 } })
  t.ok(fs.existsSync(settings.manifest))
})

t.test('who serves the manifest takes it over before the lock is given back', async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const settings = settingsFor(folder, ['a'])
  const told: string[] = []
  const builder = new BuilderProcess({
    main: new URL('../../src/builder-main.js', import.meta.url),
    settings,
    place: () => ({ path: settings.manifest, local: true }),
    lock: (place) => ({
      hold: async (work, instead, patience) => {
        const done = await fileLock(place).hold(work, instead, patience)
        told.push('given back')
        return done
      }
    }),
    silenceMs: 30_000,
    lastGood: () => undefined,
    progress() {},
    warn() {},
    reader: {
      refresh: async () => void told.push('looked at before'),
      manifestEtag: undefined,
      expect: (sign) => void told.push(sign === undefined ? 'any is waited for' : 'placed'),
      afterBuild: async () => void told.push('taken over')
    }
  })
  t.teardown(() => builder.stop())
  await builder.build(refresh, false)
  t.strictSame(told, ['looked at before', 'placed', 'taken over', 'any is waited for', 'given back'])
  await builder.build(refresh, false)
  t.strictSame(
    told.slice(5),
    ['looked at before', 'taken over', 'any is waited for', 'given back'],
    'no change'
  )
})

t.test('who is told that its work is done waits until the lock has been let go by who did it', async (t) => {
  const { hold } = fileLock({ path: join(scratch(t), 'm.json'), local: true })
  const patience = { ms: 60_000, signal: new AbortController().signal }
  const order: string[] = []
  const gates = [0, 1, 2].map(() => {
    let open = () => {}
    const opened = new Promise<void>((resolve) => (open = resolve))
    return { open, opened }
  }) as { open(): void; opened: Promise<void> }[]
  const [first, asked, second] = gates as [(typeof gates)[0], (typeof gates)[0], (typeof gates)[0]]
  const none = async () => undefined
  const one = hold(() => first.opened, none, patience)
  const told = hold(
    async () => 'did it',
    async () => {
      await asked.opened
      return 'done already'
    },
    patience
  ).then((what) => order.push(what))
  await new Promise((resolve) => setTimeout(resolve, 50)) // it waits at the lock
  first.open()
  await one
  const two = hold(() => second.opened.then(() => void order.push('let go')), none, patience)
  await new Promise((resolve) => setTimeout(resolve, 50)) // the second has it
  asked.open()
  await new Promise((resolve) => setTimeout(resolve, 50))
  second.open()
  await Promise.all([told, two])
  t.strictSame(order, ['let go', 'done already'])
})

t.test("a builder whose service is gone puts nothing in the manifest's place", async (t) => {
  const folder = scratch(t, { 'a/one.md': '# One' })
  const settings = settingsFor(folder, ['a'])
  const { builder, manifest } = furnishBuilder({
    settings,
    careful: false,
    wasRemote: false,
    lastGood: async () => undefined,
    progress() {},
    warn() {},
    placing() {},
    isWanted: () => false
  })
  t.match(await builder.build(refresh), { notWritten: 'RI_ERR_LATE' })
  t.notOk(fs.existsSync(manifest))
})
