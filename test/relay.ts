import { createInterface } from 'node:readline'
import { Service } from './support.js'

/*
 * A service and a client of it in a network namespace of their own, to which only standard input leads: a line is a request
 * as JSON, `[path, init]`, and a line is its answer, `[status, text]`.
 */

const service = await Service.start(process.argv.slice(2))
process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const [path, init] = JSON.parse(line) as [string, RequestInit]
  const answer = await fetch(`${service.url}${path}`, init).then(
    async (response) => [response.status, await response.text()],
    (error: Error) => [0, error.message]
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
await service.stop('SIGKILL')
