import type { FastifyInstance } from 'fastify'
import builder from './plugins/builder.js'
import errors from './plugins/errors.js'
import following from './plugins/following.js'
import guard from './plugins/guard.js'
import metrics from './plugins/metrics.js'
import openapi from './plugins/openapi.js'
import reader from './plugins/reader.js'
import reports from './plugins/reports.js'
import scheduler from './plugins/scheduler.js'
import validation from './plugins/validation.js'
import followingRoutes from './routes/following.js'
import health from './routes/health.js'
import metricsRoute from './routes/metrics.js'
import openapiRoute from './routes/openapi.js'
import page from './routes/page.js'
import rebuild from './routes/rebuild.js'
import reportRoutes from './routes/reports.js'
import reportsIndex from './routes/reports-index.js'
import { checkDoor } from './services/door.js'
import type { Settings } from './services/settings.js'
import { settingsFrom } from './surroundings.js'
import { furnish } from './wiring.js'

export interface AppOptions {
  /** Absent: from the environment and `.env`. */
  settings?: Settings
  /** Whether nothing else is served beside it: what is not found is answered here, too. */
  alone?: boolean
  /** Whether it builds: unless told otherwise. */
  builds?: boolean
}

/** The whole service as a Fastify plugin: to be listened with, run by fastify-cli, or embedded under a prefix. */
export default async function app(fastify: FastifyInstance, options: AppOptions): Promise<void> {
  const settings = options.settings ?? settingsFrom({}, process.env)
  checkDoor(settings)
  const parts = furnish(settings, options.builds !== false)
  fastify.decorate('reportsIndex', parts.house)

  await fastify.register(errors, { notFound: options.alone === true })
  await fastify.register(guard, parts.guard)
  await fastify.register(validation)
  await fastify.register(openapi, parts.openapi)
  await fastify.register(reader, parts.reader)
  await fastify.register(following)
  await fastify.register(metrics, { isProcessOurs: options.alone === true })
  await fastify.register(builder, parts.builder)
  await fastify.register(scheduler, parts.scheduler)
  await fastify.register(reports, parts.reports)

  await fastify.register(page)
  await fastify.register(reportsIndex)
  await fastify.register(followingRoutes)
  await fastify.register(rebuild)
  await fastify.register(reportRoutes)
  await fastify.register(health)
  await fastify.register(metricsRoute)
  await fastify.register(openapiRoute)
}
