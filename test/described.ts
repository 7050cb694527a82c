import { Ajv2020 } from 'ajv/dist/2020.js'
import fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import app from '../src/app.js'
import { plant, scratch, settingsFor } from './support.js'

interface Answer {
  headers?: object
  content?: Record<string, { schema: object }>
}

export interface Description {
  paths: Record<string, Record<string, { responses: Record<string, Answer | { $ref: string }> }>>
  components: { responses: Record<string, Answer>; schemas: Record<string, object> }
}

export const FILES = { 'a/one.md': '# One', 'a/x/two.html': '<title>Two</title>', 'b/three.txt': '3' }

export interface House {
  server: FastifyInstance
  folder: string
  manifest: string
  ask(options: InjectOptions | string): Promise<LightMyRequestResponse>
}

/** A service over two bases whose every answer is checked against its description. */
export async function house(t: Test, files: Record<string, string> = FILES, texts = {}): Promise<House> {
  const folder = scratch(t, { 'a/': '', 'b/': '' })
  plant(folder, files)
  const settings = settingsFor(folder, ['a', 'b'], texts)
  // A client may open a connection that it never uses, and no host would wait for that.
  const server = fastify({ forceCloseConnections: true })
  await server.register(app, { settings, alone: true })
  t.teardown(() => server.close())
  const description = (await server.inject('/openapi.json')).json<Description>()
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ ...description, $id: 'openapi' })
  const ask = async (options: InjectOptions | string) => {
    const answer = await server.inject(options)
    checkAnswer(t, description, ajv, typeof options === 'string' ? { url: options } : options, answer)
    return answer
  }
  return { server, folder, manifest: settings.manifest, ask }
}

function checkAnswer(
  t: Test,
  { paths, components }: Description,
  ajv: Ajv2020,
  asked: InjectOptions,
  answer: LightMyRequestResponse
): void {
  const method = (asked.method ?? 'GET').toLowerCase()
  const url = (asked.url as string).split('?', 1)[0] ?? ''
  const path = Object.keys(paths).find((known) =>
    new RegExp(`^${known.replace('{rel}', '.+').replace(/\{\w+\}/g, '[^/]+')}$`).test(url)
  )
  if (!path || method === 'head') return
  const described = paths[path]?.[method]?.responses[answer.statusCode]
  const shared = described && '$ref' in described ? described.$ref.split('/').at(-1) : undefined
  const told = shared === undefined ? (described as Answer | undefined) : components.responses[shared]
  t.ok(told, `${method} ${path} is described to answer ${answer.statusCode}`)
  for (const header of Object.keys(told?.headers ?? {}).filter((name) => name !== 'Content-Encoding'))
    t.ok(answer.headers[header.toLowerCase()], `${header} is there`)
  if (!told?.content) {
    t.equal(answer.body, '')
    return
  }
  if (!told.content['application/json']) return
  const place =
    shared === undefined
      ? ['paths', path, method, 'responses', String(answer.statusCode)]
      : ['components', 'responses', shared]
  const pointer = [...place, 'content', 'application/json', 'schema']
  const ref = `openapi#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`
  const check = ajv.compile({ $ref: ref })
  t.ok(
    check(answer.json()),
    `${method} ${path} ${answer.statusCode} fits its schema: ${JSON.stringify(check.errors)}`
  )
}

/** A request for a rebuild. */
export const post = (payload?: object, query = ''): InjectOptions => ({
  method: 'POST',
  url: `/rebuild${query}`,
  ...(payload && { payload })
})
