import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BaseName, type Entry, Rel } from '../schemas/entry.js'
import { ReportQuery } from '../schemas/report.js'
import { type Conditions, partOf, type Validators, verdictOn } from '../services/conditions.js'
import type { ReportFile } from '../services/decorators.js'
import { NotFound, PreconditionFailed, RangeNotSatisfiable } from '../services/errors.js'
import { digestOf } from '../services/etag.js'
import { formatOf } from '../services/format.js'
import { isBelowBase } from '../services/job.js'
import { findEntry } from '../services/lines.js'
import { PAGE_POLICY, PAGE_VERSION } from '../services/page-look.js'
import { mediaTypeOf, REPORT_POLICY } from '../services/report-policy.js'
import { problem, reading, retryAfter } from './answers.js'
import { askerOf } from './asker.js'
import { hasTurn } from './turn.js'
import '../services/decorators.js'

const Bytes = Type.Unsafe<Buffer>({ type: 'string', contentMediaType: 'application/octet-stream' })
const sent = {
  ETag: Type.String({
    description: 'Of this state of the file; weak where it is large and new',
    examples: ['"8a1f…"']
  }),
  'Last-Modified': Type.String({ examples: ['Tue, 09 Jun 2026 13:41:56 GMT'] }),
  'Cache-Control': Type.String({ examples: ['no-cache'] }),
  'Accept-Ranges': Type.String({ examples: ['bytes'] }),
  'Content-Security-Policy': Type.String({ examples: ["sandbox; default-src 'none'"] }),
  'X-Content-Type-Options': Type.String({ examples: ['nosniff'] })
}

const files = Object.fromEntries(
  ['text/markdown', 'text/html', 'text/plain', 'application/pdf'].map((type) => [type, { schema: Bytes }])
)

const schema = {
  tags: ['listing'],
  operationId: 'getReport',
  summary: 'A report itself',
  description:
    'Where REPORTS_INDEX_SERVE_REPORTS is on: the bytes of a report that the listing holds, and nothing else. Ranges and ' +
    'preconditions as a static server has them. It is sent with a policy under which nothing in it can act.',
  querystring: ReportQuery,
  headers: Type.Object({
    range: Type.Optional(Type.String({ description: 'One range of bytes; of several the whole is sent' })),
    'if-range': Type.Optional(Type.String()),
    'if-none-match': Type.Optional(Type.String()),
    'if-modified-since': Type.Optional(Type.String())
  }),
  response: {
    200: { description: 'The report', headers: sent, content: files },
    206: { description: 'A part of it', headers: sent, content: files },
    304: { description: 'The caller has it', type: 'null', headers: sent },
    400: problem('A bad parameter'),
    404: problem('The listing holds no such report, it is gone, or reports are not served'),
    412: problem('It is in another state than the one asked for'),
    416: problem('It has no such bytes'),
    503: problem('Its base gives no answer, or it can not be read or shown', retryAfter),
    ...reading.problems
  }
}

const headSchema = {
  ...schema,
  operationId: 'headReport',
  summary: 'The headers of a report',
  description: 'What GET answers, without the body.',
  response: { ...schema.response, 200: { description: 'The report', type: 'null', headers: sent } }
}

/** So much of a Markdown report is shown as a page, in bytes. */
const MOST_SHOWN = 1 << 20

type Request = FastifyRequest<{ Params: { '*': string }; Querystring: ReportQuery }>

/** The reports themselves. This process touches none of them: another one opens and reads them. */
export default async function reportRoutes(fastify: FastifyInstance): Promise<void> {
  const { settings } = fastify.reportsIndex
  const send = async (request: Request, reply: FastifyReply): Promise<FastifyReply> => {
    const entry = await listed(fastify, request.params['*'])
    // One that waits behind another answer would hold its file open meanwhile.
    if (!(await hasTurn(reply.raw))) return reply.hijack()
    const file = await fastify.reports.open(entry.base, entry.rel)
    try {
      return await answer(fastify, request, reply, entry, file)
    } catch (error) {
      file.close()
      throw error
    }
  }
  const url = '/reports/*'
  const described = { url: '/reports/:base/:rel', params: Type.Object({ base: BaseName, rel: Rel }) }
  const config = { ...reading.config, described }
  const handler = settings.serveReports ? send : refuse
  fastify.get(url, { schema, config, exposeHeadRoute: false }, handler)
  fastify.head(
    url,
    { schema: headSchema, config: { ...config, swagger: { exposeHeadRoute: true } } },
    handler
  )
}

async function refuse(): Promise<never> {
  throw new NotFound('this service does not serve the reports themselves; REPORTS_INDEX_SERVE_REPORTS')
}

/** The listing's entry for what a path names. */
async function listed({ reader }: FastifyInstance, path: string): Promise<Entry> {
  const slash = path.indexOf('/')
  const name = { base: path.slice(0, Math.max(0, slash)), rel: path.slice(slash + 1) }
  const { snapshot } = await reader.current()
  const entry = isBelowBase(name.rel) ? findEntry(snapshot.body, name) : undefined
  if (!entry) throw new NotFound('the listing holds no such report')
  return entry
}

/** Sends what is asked for of an open report, which is closed when that is through. */
async function answer(
  fastify: FastifyInstance,
  request: Request,
  reply: FastifyReply,
  entry: Entry,
  file: ReportFile
): Promise<FastifyReply> {
  const isPage = request.query.view === 'rendered' && formatOf(entry.rel) === 'markdown'
  const asked = request.headers as Conditions
  const validators = validatorsOf(entry, file, isPage)
  const headers = headersOf(validators, isPage, fastify.reportsIndex.now())
  const verdict = verdictOn(asked, validators)
  if (verdict === 'failed') throw new PreconditionFailed()
  if (verdict === 'same') {
    file.close()
    return await reply.code(304).headers(headers).send()
  }
  if (isPage) {
    const page = request.method === 'HEAD' ? undefined : await pageOf(fastify, request, reply, entry, file)
    file.close()
    return await reply.headers(headers).type('text/html; charset=utf-8').send(page)
  }
  // Of a part only GET knows.
  const part = request.method === 'HEAD' ? undefined : partOf(asked, file.size, validators)
  if (part === 'unsatisfiable') {
    reply.header('content-range', `bytes */${file.size}`)
    throw new RangeNotSatisfiable(file.size)
  }
  const { start, end } = part ?? { start: 0, end: file.size }
  reply.headers({ ...headers, 'content-length': end - start })
  reply.type(mediaTypeOf(entry.rel, file.isUtf8))
  if (part) reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${file.size}`)
  if (request.method === 'HEAD' || start === end) {
    file.close()
    return await reply.send()
  }
  const stream = Readable.from(file.bytes(start, end), { objectMode: false })
  // What is given up before it began has not closed the file itself.
  stream.on('close', () => file.close())
  return await reply.send(stream)
}

/** A page shows what the listing says of its report, too, so times tell nothing of it. */
function validatorsOf({ title, date }: Entry, file: ReportFile, isPage: boolean): Validators {
  const { state, isExact, isSettled, mtimeMs } = file
  const look = isPage ? `-page${digestOf(JSON.stringify([PAGE_VERSION, title, date])).slice(0, 16)}` : ''
  return { etag: `${isExact ? '' : 'W/'}"${state}${look}"`, isSettled: isSettled && !isPage, mtimeMs }
}

function headersOf({ etag, mtimeMs }: Validators, isPage: boolean, nowMs: number): Record<string, string> {
  return {
    etag,
    'last-modified': new Date(Math.min(mtimeMs, nowMs)).toUTCString(),
    'cache-control': 'no-cache',
    'accept-ranges': isPage ? 'none' : 'bytes',
    'content-security-policy': isPage ? PAGE_POLICY : REPORT_POLICY,
    'referrer-policy': 'no-referrer'
  }
}

async function pageOf(
  fastify: FastifyInstance,
  request: Request,
  reply: FastifyReply,
  entry: Entry,
  file: ReportFile
): Promise<string> {
  const asker = askerOf(request, reply)
  const parts: Buffer[] = []
  for await (const part of file.bytes(0, Math.min(file.size, MOST_SHOWN))) parts.push(part)
  return await fastify.reports.render(
    { entry, bytes: Buffer.concat(parts), cut: file.size > MOST_SHOWN },
    asker
  )
}
