import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { errorCodes, type FastifyInstance, type FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'
import { parseDate } from '../services/date.js'

const PLACES: Record<string, string> = {
  querystring: 'parameter',
  params: 'path part',
  body: 'field',
  headers: 'header'
}

/** Strict checks that name what is wrong: nothing is dropped in silence, nothing is coerced but a body that is absent. */
export default fp(
  async function validation(fastify: FastifyInstance) {
    const ajv = new Ajv({
      removeAdditional: false,
      useDefaults: true,
      coerceTypes: false,
      allErrors: false,
      strict: false
    })
    ajv.addFormat('date', (text: string) => text.length === 10 && parseDate(text) === text)
    fastify.setValidatorCompiler(({ schema, httpPart }) => {
      // Ours are described, and any text will do.
      if (httpPart === 'headers') return () => true
      const check = whenAsked(() => ajv.compile(schema))
      return httpPart === 'querystring' ? queryCheck(check, schema as QuerySchema) : check
    })
    // Answers are made as their schemas say, which tests check; a serialiser for each would take most of the start.
    fastify.setSerializerCompiler(() => JSON.stringify)
    fastify.setSchemaErrorFormatter((errors, place) => new Error(sentence(errors[0] as ErrorObject, place)))
    fastify.removeAllContentTypeParsers()
    const parseJson = fastify.getDefaultJsonParser('error', 'error')
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      if (body === '') done(null, undefined)
      else void parseJson(request, body as string, done)
    })
    // A client may name a type and send nothing (`curl -d ''`); anything that is sent must be JSON.
    fastify.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
      if (body === '') done(null, undefined)
      else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(request.headers['content-type'] ?? 'none'))
    })
  },
  { name: 'reports-index-validation', fastify: '5.x' }
)

type Check = ((data: unknown) => boolean) & { errors: FastifySchemaValidationError[] | null }

/** A check that is compiled when it is first wanted: most routes are not asked for long, and some never. */
function whenAsked(compile: () => ValidateFunction): Check {
  let compiled: ValidateFunction | undefined
  const check = (data: unknown) => {
    compiled ??= compile()
    const isGood = compiled(data)
    told.errors = (compiled.errors as FastifySchemaValidationError[] | null | undefined) ?? null
    return isGood
  }
  const told: Check = Object.assign(check, { errors: null })
  return told
}

interface QuerySchema {
  properties?: Record<string, { type?: string }>
}

/** All of a query is text: what stands for a number, and what may be repeated, is made so before the check. */
function queryCheck(check: Check, { properties = {} }: QuerySchema): Check {
  const validate = (query: unknown) => {
    for (const [name, value] of Object.entries(query as Record<string, unknown>)) {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined
      const given = query as Record<string, unknown>
      if (type === 'array' && typeof value === 'string') given[name] = [value]
      if (type === 'integer' && /^\d{1,15}$/.test(String(value))) given[name] = Number(value)
    }
    const isGood = check(query)
    told.errors = check.errors
    return isGood
  }
  const told: Check = Object.assign(validate, { errors: null })
  return told
}

/** One sentence for a failed check: which part of the request, and what is allowed. */
export function sentence({ keyword, params, instancePath, message }: ErrorObject, place: string): string {
  const part = PLACES[place] ?? place
  if (keyword === 'additionalProperties') return `unknown ${part} "${params.additionalProperty}"`
  if (keyword === 'required') return `the ${part} "${params.missingProperty}" is missing`
  const where = instancePath === '' ? `the ${place}` : `the ${part} "${instancePath.slice(1)}"`
  if (keyword === 'type' && place === 'querystring' && params.type === 'string')
    return `${where} is given more than once` // what is given once is text
  if (keyword === 'format') return `${where} must be a day that there is, YYYY-MM-DD`
  const allowed = keyword === 'enum' ? `: ${params.allowedValues.join(', ')}` : ''
  return `${where} ${message}${allowed}`
}
