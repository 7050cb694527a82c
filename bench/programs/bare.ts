/* bare FOLDER PORT: a Fastify route that answers a constant Buffer and compares one ETag. */
import fastify from 'fastify'
import { type Coded, readBodies } from './bodies.js'

const [folder = '', port] = process.argv.slice(2)
const bodies = readBodies(folder)
const server = fastify()

server.get('/reports-index', (request, reply) => {
  const body = bodies.get(request.url) as Coded
  reply.header('etag', body.etag)
  if (request.headers['if-none-match'] === body.etag) return reply.code(304).send()
  reply.type('application/json; charset=utf-8')
  if (request.headers['accept-encoding'] !== 'gzip') return reply.send(body.identity)
  return reply.header('content-encoding', 'gzip').send(body.gzip)
})

await server.listen({ port: Number(port), host: '127.0.0.1' })
