import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { BaseStatus } from '../schemas/base-status.js'
import { Changed, Changes } from '../schemas/changes.js'
import { Entry, Warning } from '../schemas/entry.js'
import { ErrorAnswer } from '../schemas/error.js'
import { Health, Ready } from '../schemas/health.js'
import { Listing } from '../schemas/listing.js'
import { Accepted, BuildResult, Progress, RebuildBody, RebuildOverview, Ticket } from '../schemas/rebuild.js'
import '../services/decorators.js'

const SHARED = [
  Entry,
  Warning,
  BaseStatus,
  ErrorAnswer,
  Listing,
  Changes,
  Changed,
  BuildResult,
  Progress,
  RebuildBody,
  Ticket,
  Accepted,
  RebuildOverview,
  Health,
  Ready
]

const bearer = (description: string) => ({ type: 'http' as const, scheme: 'bearer', description })

/** The tokens of a route; without one where none is set. */
const SECURITY = { open: [], read: [{}, { readToken: [] }], rebuild: [{}, { rebuildToken: [] }] }

/** The shared schemas, and the OpenAPI description that is made of them and of the routes. */
export default fp<{ version: string }>(
  async function openapi(fastify: FastifyInstance, { version }) {
    for (const schema of SHARED) fastify.addSchema(schema)
    await fastify.register(swagger, {
      decorator: 'describeReportsIndex', // a host may have a description of its own
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'reports-index',
          version,
          summary: 'One listing of folders of reports',
          description: 'A durable index of folders of reports, made outside the request path.',
          license: { name: 'MIT', identifier: 'MIT' }
        },
        servers: [{ url: 'http://127.0.0.1:3000', description: 'Where it listens unless told otherwise' }],
        components: {
          securitySchemes: {
            rebuildToken: bearer('REPORTS_INDEX_TOKEN, where it is set'),
            readToken: bearer('REPORTS_INDEX_READ_TOKEN, where it is set')
          }
        },
        tags: [
          { name: 'listing', description: 'The reports' },
          { name: 'builds', description: 'Builds of the index' },
          { name: 'health', description: 'How the service is' }
        ]
      },
      // Here and not in the schemas: a host's own description knows nothing of our tokens.
      transform: ({ schema, url, route }) => {
        const { access = 'read', described } = route.config ?? {}
        const parts = described && { params: described.params }
        return {
          schema: { ...(schema as object), ...parts, security: SECURITY[access] },
          url: described?.url ?? url
        }
      },
      transformObject: (document) => {
        const { openapiObject } = document as { openapiObject: Description }
        tidy(openapiObject)
        return openapiObject
      },
      refResolver: {
        buildLocalReference: (json, _base, _fragment, index) =>
          (json.$id as string | undefined) ?? `def-${index}`
      }
    })
  },
  { name: 'reports-index-openapi', fastify: '5.x' }
)

interface Operation {
  requestBody?: { required?: boolean }
  responses: Record<string, object>
}

interface Description {
  paths?: Record<string, Record<string, Operation>>
  components?: { responses?: Record<string, object> }
}

/** Answers that any route may give, described once. */
const SHARED_ANSWERS: Record<string, string> = {
  403: 'Refused',
  405: 'MethodNotAllowed',
  408: 'TooSlow',
  414: 'UrlTooLong',
  417: 'ExpectationFailed',
  431: 'HeadersTooLarge',
  500: 'InternalError',
  501: 'UnknownTransferCoding'
}

function tidy(description: Description): void {
  const shared: Record<string, object> = {}
  for (const operation of Object.values(description.paths ?? {}).flatMap((path) => Object.values(path))) {
    // It is called required where it is described.
    if (operation.requestBody) operation.requestBody.required = false
    for (const [status, name] of Object.entries(SHARED_ANSWERS)) {
      const answer = operation.responses[status]
      if (!answer) continue
      shared[name] = answer
      operation.responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  description.components = { ...description.components, responses: shared }
}
