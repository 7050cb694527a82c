/* naive FOLDER PORT: filters and serialises objects per request, with @fastify/etag. */
import fastifyEtag from '@fastify/etag'
import fastify from 'fastify'
import { readBodies } from './bodies.js'

interface Entry {
  title: string
  rel: string
  type: string
}

const [folder = '', port] = process.argv.slice(2)
const text = readBodies(folder).get('/reports-index')?.identity.toString() ?? ''
const { reports } = JSON.parse(text) as { reports: Entry[] }
const server = fastify()
await server.register(fastifyEtag)

server.get<{ Querystring: { type?: string; q?: string } }>('/reports-index', async (request) => {
  const { type, q } = request.query
  const some = reports.filter(
    (entry) =>
      (!type || entry.type === type) &&
      (!q || `${entry.title} ${entry.rel}`.toLowerCase().includes(q.toLowerCase()))
  )
  return { total: some.length, count: some.length, reports: some }
})

await server.listen({ port: Number(port), host: '127.0.0.1' })
