import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { dose, rounds } from '../dose.js'
import { plant, Service, scratch } from '../support.js'

const PROCESSES = dose(4, 8)

/** One answer of a process that polls: what it told, and what had been answered to writers before it was asked. */
interface Poll {
  status: number
  etag: string | null
  body: string
  floor: number
}

t.test('what was written before a rebuild is in every answer of every process after it', async (t) => {
  const folder = scratch(t, { 'a/': '' })
  plant(folder, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a/${i % 20}/${i}.md`, `# ${i}`])))
  plant(folder, { 'a/round.md': '# Round -1 ' })
  const args = ['--base', `a=${folder}/a`, '--manifest', join(folder, 's/m.json'), '--refresh', '0']
  const services = await Promise.all(Array.from({ length: PROCESSES }, () => Service.start(args)))
  t.teardown(() => Promise.all(services.map((service) => service.stop('SIGKILL'))))
  await Promise.all(services.map((service) => service.rebuild()))

  /** The last round whose rebuild has been answered. */
  let floor = -1
  const polling = new AbortController()
  let polls = 0
  const bodies = new Map<string, string>()
  const etags = new Map<string, string>()
  const check = ({ status, etag, body, floor: least }: Poll) => {
    polls++
    const digest = createHash('sha256').update(body).digest('hex')
    if (status !== 200) throw new Error(`status ${status}`)
    if (etag !== `"${digest}"`) throw new Error(`the tag ${etag} is not that of the answer`)
    if ((bodies.get(digest) ?? etag) !== etag || (etags.get(etag) ?? digest) !== digest)
      throw new Error('one tag for two answers, or two for one')
    bodies.set(digest, etag)
    etags.set(etag, digest)
    const seen = Number(/"title":"Round (-?\d+)/.exec(body)?.[1])
    if (!(seen >= least)) throw new Error(`stale: round ${seen} is told after ${least} was answered`)
  }
  const poll = async ({ url }: Service) => {
    const least = floor
    const answer = await fetch(`${url}/reports-index`, { headers: { 'accept-encoding': 'identity' } })
    check({
      status: answer.status,
      etag: answer.headers.get('etag'),
      body: await answer.text(),
      floor: least
    })
  }
  const pollers = services.map(async (service) => {
    while (!polling.signal.aborted) await poll(service)
  })
  // A failing poller is told at the end.
  const polled = Promise.all(pollers).then(
    () => undefined,
    (error: Error) => error
  )

  const plan = fc.record({
    writer: fc.nat(PROCESSES - 1),
    reader: fc.nat(PROCESSES - 1),
    how: fc.constantFrom('paths', 'refresh', 'full', 'storm')
  })
  const counts = dose(30, 240)
  for (const [round, { writer, reader, how }] of rounds(t, plan, counts).entries()) {
    // The same length each time, so that size does not tell.
    fs.writeFileSync(
      join(folder, 'a/round.md'),
      `# Round ${String(round)
        .padStart(4, '0')
        .replace(/^0+(?=\d)/, '')} ${'x'.repeat(4)}`
    )
    const service = services[writer] as Service
    const paths = [{ base: 'a', rel: 'round.md' }]
    if (how === 'storm') await Promise.all(services.map((each) => each.rebuild()))
    else await service.rebuild(how === 'paths' ? { paths } : how === 'full' ? { mode: 'full' } : undefined)
    floor = round
    await poll(services[reader] as Service)
  }
  polling.abort()
  t.equal(await polled, undefined)
  t.pass(`${counts} rounds, ${PROCESSES} processes, ${polls} answers, ${etags.size} listings`)
  t.comment(`${counts} rounds, ${PROCESSES} processes, ${polls} answers, ${etags.size} listings`)
})
