import { execFileSync } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { furnishBuilder } from '../../src/builder-house.js'
import type { WalkOptions } from '../../src/scan/findings.js'
import { type HandsNow, syncHands } from '../../src/scan/hands.js'
import { trustIn } from '../../src/scan/trust.js'
import { walkNow } from '../../src/scan/walk-now.js'
import { refresh } from '../../src/services/job.js'
import { makeSelect } from '../../src/services/select.js'
import type { Trackeds } from '../../src/services/tracked.js'
import { house, post } from '../described.js'
import { CLI, hasStrace, scratch, settingsFor } from '../support.js'

// What speed rests on, counted: counts do not depend on how busy a machine is.

/** Reports that say all in their first bytes, and are longer than what is read first. */
const reports = (folder: string, count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `${folder}/${i % 7}/${i}.md`,
      `---\ntitle: ${i}\n---\n${'text\n'.repeat(2000)}`
    ])
  )

/** System calls of a full build by the command line, by name; all kinds of stat as one. */
function callsOfBuild(folder: string, base: string): Map<string, number> {
  const summary = join(folder, `${base}.calls`)
  const build = [CLI, 'build', '--full', '--base', `${base}=${join(folder, base)}`]
  const args = [
    '-f',
    '-c',
    '-o',
    summary,
    process.execPath,
    ...build,
    '--manifest',
    join(folder, `${base}.json`)
  ]
  const { NODE_OPTIONS: _, ...env } = process.env
  execFileSync('strace', args, { stdio: 'ignore', env })
  const calls = new Map<string, number>()
  for (const line of fs.readFileSync(summary, 'utf8').split('\n')) {
    const [, count, name = ''] = /^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$/.exec(line) ?? []
    const kind = /stat/.test(name) ? 'stat' : name
    calls.set(kind, (calls.get(kind) ?? 0) + Number(count ?? 0))
  }
  return calls
}

t.test(
  'a full build opens, stats, reads and closes each report once, and asks nothing more of it',
  { skip: !hasStrace() && 'needs strace' },
  async (t) => {
    const folder = scratch(t, { ...reports('few', 100), ...reports('many', 500) })
    const [few, many] = ['few', 'many'].map((base) => callsOfBuild(folder, base)) as [
      Map<string, number>,
      Map<string, number>
    ]
    const moreOf = (name: string) => ((many.get(name) ?? 0) - (few.get(name) ?? 0)) / 400
    for (const name of ['openat', 'stat', 'pread64', 'close'])
      t.ok(Math.abs(moreOf(name) - 1) < 0.1, `${name}: ${moreOf(name)} more for each more report`)
    for (const name of ['lseek', 'readlink', 'chdir'])
      t.ok(moreOf(name) < 0.2, `${name}: ${moreOf(name)} more for each more report`)
  }
)

function countingHands(): { hands: HandsNow; counts: Record<keyof HandsNow, number> } {
  const counts = { names: 0, stat: 0, open: 0 }
  const hands: HandsNow = {
    names: (folder) => {
      counts.names++
      return syncHands.names(folder)
    },
    stat: (path) => {
      counts.stat++
      return syncHands.stat(path)
    },
    open: (path, wants, take) => {
      counts.open++
      return syncHands.open(path, wants, take)
    }
  }
  return { hands, counts }
}

t.test('a refresh without change lists each folder and stats each report once, and opens none', async (t) => {
  const root = join(scratch(t, reports('a', 70)), 'a')
  const walk = async (known: Trackeds) => {
    const { hands, counts } = countingHands()
    const options: WalkOptions = {
      base: 'a',
      root,
      pin: () => undefined,
      hands,
      select: makeSelect(['**'], []),
      trust: trustIn('ext4', true, Date.now() + 1_000_000),
      isOwn: () => false,
      known,
      full: false,
      counts: { folders: 0, files: 0, read: 0 }
    }
    return { counts, scan: await walkNow(options, hands) }
  }
  const first = await walk(new Map())
  t.strictSame(first.counts, { names: 8, stat: 0, open: 70 })
  t.strictSame((await walk(first.scan.read)).counts, { names: 8, stat: 70, open: 0 })
})

/** Counts what is hashed and parsed while something is done, in bytes and calls. */
async function countWork(t: Test, work: () => Promise<void>): Promise<{ hashed: number; parsed: number }> {
  const told = { hashed: 0, parsed: 0 }
  const { createHash } = crypto
  const { parse } = JSON
  crypto.createHash = (algorithm: string) => {
    const hash = createHash(algorithm)
    const update = hash.update.bind(hash)
    hash.update = (data: string | NodeJS.ArrayBufferView) => {
      told.hashed += typeof data === 'string' ? data.length : data.byteLength
      return update(data)
    }
    return hash
  }
  JSON.parse = (...args) => {
    told.parsed++
    return parse(...args)
  }
  syncBuiltinESMExports()
  const restore = () => {
    crypto.createHash = createHash
    JSON.parse = parse
    syncBuiltinESMExports()
  }
  t.teardown(restore)
  await work()
  restore()
  return told
}

t.test('a request for what was served before parses and hashes nothing', async (t) => {
  const { server } = await house(t)
  const { headers } = await server.inject('/reports-index')
  const requests = [
    { url: '/reports-index' },
    { url: '/reports-index', headers: { 'if-none-match': String(headers['etag']) } },
    { url: '/reports-index?type=markdown' },
    { url: '/reports-index?limit=1' },
    { url: '/reports-index', headers: { 'accept-encoding': 'gzip' } }
  ]
  const raw = server.inject.bind(server)
  for (const request of requests) await raw(request)
  const work = await countWork(t, async () => {
    for (let i = 0; i < 20; i++) for (const request of requests) await raw(request)
  })
  t.equal(work.hashed, 0)
  t.equal(work.parsed, 0)
})

t.test('a build that finds nothing changed hashes no listing and writes no manifest', async (t) => {
  const folder = scratch(t, reports('a', 200))
  const { builder, manifest } = furnishBuilder({
    settings: settingsFor(folder, ['a']),
    careful: false,
    wasRemote: false,
    lastGood: async () => undefined,
    progress() {},
    warn() {},
    placing() {},
    isWanted: () => true
  })
  await builder.build(refresh)
  const { ino } = fs.statSync(manifest)
  const { hashed } = await countWork(t, async () => {
    t.match((await builder.build(refresh)).result, { unchanged: 200 })
  })
  t.ok(hashed < 1000, `${hashed} bytes`)
  t.equal(fs.statSync(manifest).ino, ino)
})

t.test('a named path costs its own file and no other', async (t) => {
  const { ask } = await house(t, reports('a', 50))
  await ask(post())
  const rel = '0/0.md'
  const { filesRead, bases } = (await ask(post({ paths: [{ base: 'a', rel }] }))).json()
  t.equal(filesRead, 1)
  t.match(bases, [{ name: 'a', count: 50 }])
})
