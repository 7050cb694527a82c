import { Ajv, type ErrorObject } from 'ajv'
import { errorCodes, type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

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
    fastify.setValidatorCompiler(({ schema }) => ajv.compile(schema))
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

/** One sentence for a failed check: which part of the request, and what is allowed. */
export function sentence({ keyword, params, instancePath, message }: ErrorObject, place: string): string {
  const part = PLACES[place] ?? place
  if (keyword === 'additionalProperties') return `unknown ${part} "${params.additionalProperty}"`
  if (keyword === 'required') return `the ${part} "${params.missingProperty}" is missing`
  const where = instancePath === '' ? `the ${place}` : `the ${part} "${instancePath.slice(1)}"`
  const allowed = keyword === 'enum' ? `: ${params.allowedValues.join(', ')}` : ''
  return `${where} ${message}${allowed}`
}
