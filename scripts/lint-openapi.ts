import { join } from 'node:path'
import { createConfig, formatProblems, lint } from '@redocly/openapi-core'
import { packageRoot } from '../src/surroundings.js'

/** Lints openapi.yaml by the rules that Redocly recommends, and some of its stricter ones. */
const config = await createConfig({
  extends: ['recommended-strict'],
  rules: {
    'no-unused-components': 'off', // the data of an event is text to OpenAPI, and has a schema all the same
    'no-server-example.com': 'off', // it listens on loopback unless told otherwise
    'operation-description': 'off',
    'no-invalid-media-type-examples': 'error',
    'no-invalid-schema-examples': 'error',
    'no-invalid-parameter-examples': 'error',
    'no-http-verbs-in-paths': 'error',
    'paths-kebab-case': 'error',
    'operation-singular-tag': 'error',
    'tags-alphabetical': 'off'
  }
})
const problems = await lint({ ref: join(packageRoot, 'openapi.yaml'), config })
formatProblems(problems, {
  totals: {
    errors: problems.filter(({ severity }) => severity === 'error').length,
    warnings: problems.filter(({ severity }) => severity === 'warn').length,
    ignored: 0
  },
  version: ''
})
if (problems.length > 0) process.exitCode = 1
