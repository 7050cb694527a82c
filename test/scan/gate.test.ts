import fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answerTo, Gate, Silence } from '../../src/scan/gate.js'
import { asyncHands, type Hands } from '../../src/scan/hands.js'
import { lookAtPaths } from '../../src/scan/look-at-paths.js'
import { Stuck } from '../../src/scan/stuck.js'
import { walk } from '../../src/scan/walk.js'
import { entryIn, entryOf, knownIn, optionsFor, relsOf, scan } from './stage.js'

const LIMIT_MS = 200
const quick = async () => 1

/** A call that is answered when it is told to. */
function late() {
  let answer: () => void = () => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  return { call: () => answered, answer }
}

t.test('a call that is late alone fails alone, and leaves its place to others', async (t) => {
  const gate = new Gate(LIMIT_MS)
  const stuck = late()
  const began = performance.now()
  await gate.watch(
    2,
    async (calls) => {
      const failed = t.rejects(calls(stuck.call), { code: 'RI_ERR_NO_ANSWER', message: 'it gives no answer' })
      t.equal(await calls(quick), 1)
      await failed
      t.equal(await calls(quick), 1)
    },
    quick
  )
  t.ok(performance.now() - began >= LIMIT_MS)
  t.equal(gate.silentSince, undefined)
  t.equal(await gate.watch(2, (calls) => calls(quick)), 1, 'later work is not kept waiting')
  stuck.answer()
})

t.test('more calls that are late alone than may be held are a base that gives no answer', async (t) => {
  const gate = new Gate(LIMIT_MS)
  const stuck = [late(), late()]
  const work = gate.watch(
    3,
    async (calls) => await Promise.allSettled([...stuck.map(({ call }) => calls(call)), calls(quick)]),
    quick
  )
  await t.rejects(work, new Silence())
  t.type(gate.silentSince, 'number')
  await t.rejects(
    gate.watch(3, (calls) => calls(quick)),
    new Silence()
  )
  stuck[0]?.answer()
  stuck[1]?.answer()
  await new Promise(setImmediate)
  t.equal(await gate.watch(3, (calls) => calls(quick)), 1)
})

t.test(
  'one call after which nothing else is asked is told from a base that hangs by another call',
  async (t) => {
    const gate = new Gate(LIMIT_MS)
    const stuck = late()
    await t.rejects(
      gate.watch(4, (calls) => calls(stuck.call), quick),
      { code: 'RI_ERR_NO_ANSWER' }
    )
    const hangs = new Gate(LIMIT_MS)
    const never = late()
    await t.rejects(
      hangs.watch(4, (calls) => calls(stuck.call), never.call),
      new Silence()
    )
    stuck.answer()
    never.answer()
  }
)

t.test('a base that answers again, but for few calls, is asked again', async (t) => {
  const gate = new Gate(LIMIT_MS)
  const lost = late()
  const others = [late(), late(), late()]
  const all = [lost, ...others]
  await t.rejects(
    gate.watch(4, async (calls) => await Promise.all(all.map(({ call }) => calls(call)))),
    new Silence()
  )
  others[0]?.answer()
  await new Promise(setImmediate)
  t.type(gate.silentSince, 'number', 'three are owed still')
  others[1]?.answer()
  others[2]?.answer()
  await new Promise(setImmediate)
  t.equal(await gate.watch(4, (calls) => calls(quick)), 1)
  lost.answer()
})

t.test('what was late is not asked for again till it is answered', async (t) => {
  const stuck = new Stuck()
  const gate = new Gate(LIMIT_MS)
  const hung = late()
  let error: unknown
  await gate
    .watch(4, (calls) => calls(hung.call), quick)
    .catch((thrown: unknown) => {
      error = thrown
    })
  stuck.note('a.md', error)
  stuck.note('b.md', new Error('another'))
  t.ok(stuck.has('a.md'))
  t.notOk(stuck.has('b.md'))
  hung.answer()
  await answerTo(error)
  await new Promise(setImmediate)
  t.notOk(stuck.has('a.md'))
})

t.test('a file whose read hangs costs its base that file, and a later scan nothing', async (t) => {
  const root = fs.realpathSync(t.testdir({ 'a.md': '# A', 'b.md': '# B', sub: { 'stuck.md': '# Stuck' } }))
  const known = knownIn(await scan(root))
  for (const tracked of known.values()) tracked.recheck = true
  fs.writeFileSync(join(root, 'b.md'), '# B, written anew')
  const hung = late()
  const stuck = new Stuck()
  const gate = new Gate(LIMIT_MS)
  let asked = 0
  const walked = async () =>
    await gate.watch(
      4,
      async (calls) => {
        const real = asyncHands(calls)
        const hands: Hands = {
          ...real,
          async open(path, wants, take) {
            if (!path.endsWith('stuck.md')) return await real.open(path, wants, take)
            asked++
            await calls(hung.call)
            return await real.open(path, wants, take)
          }
        }
        const options = { ...optionsFor(root, hands, known), stuck }
        const found = await walk(options, calls)
        const named = await lookAtPaths(['sub/stuck.md', 'a.md'], options, calls, 4)
        return { found, named }
      },
      quick
    )
  for (const round of [1, 2]) {
    const began = performance.now()
    const { found, named } = await walked()
    t.strictSame(relsOf(found), ['a.md', 'b.md', 'sub/stuck.md'])
    t.equal(entryIn(found, 'b.md')?.title, 'B, written anew')
    t.match(found.warnings, [
      { code: 'unreadable', rel: 'sub/stuck.md', message: 'it gives no answer (RI_ERR_NO_ANSWER)' }
    ])
    t.equal(entryOf(named.found.get('a.md'))?.title, 'A')
    t.match(named.warnings, [{ rel: 'sub/stuck.md' }])
    if (round === 2) t.ok(performance.now() - began < LIMIT_MS, 'it is not waited for again')
  }
  t.equal(asked, 1)
  hung.answer()
  await new Promise(setImmediate)
  const { found } = await walked()
  t.strictSame(found.warnings, [])
})
