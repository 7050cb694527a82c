/* plain FOLDER PORT: the same as bare, by node:http alone. */
import http from 'node:http'
import { type Coded, readBodies } from './bodies.js'

const [folder = '', port] = process.argv.slice(2)
const bodies = readBodies(folder)

http
  .createServer((request, answer) => {
    const body = bodies.get(request.url as string) as Coded
    if (request.headers['if-none-match'] === body.etag) {
      answer.writeHead(304, { etag: body.etag }).end()
      return
    }
    const coding = request.headers['accept-encoding'] === 'gzip' ? 'gzip' : 'identity'
    answer.writeHead(200, {
      etag: body.etag,
      'content-type': 'application/json; charset=utf-8',
      'content-length': body[coding].length,
      ...(coding === 'gzip' && { 'content-encoding': 'gzip' })
    })
    answer.end(body[coding])
  })
  .listen(Number(port), '127.0.0.1')
