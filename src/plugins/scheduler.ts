import { randomUUID } from 'node:crypto'
import { fastifySchedule } from '@fastify/schedule'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { AsyncTask, SimpleIntervalJob } from 'toad-scheduler'
import { refresh } from '../services/job.js'
import '../services/decorators.js'

export interface SchedulerPluginOptions {
  /** Milliseconds between refreshes; 0: none. */
  refreshMs: number
  now: () => number
}

/** Asks for a refresh by the clock: the very request that anyone can make. */
export default fp<SchedulerPluginOptions>(
  async function scheduler(fastify: FastifyInstance, { refreshMs, now }) {
    let next: number | undefined
    fastify.decorate('nextRefreshAt', () => (next === undefined ? null : new Date(next).toISOString()))
    if (refreshMs === 0) return
    if (!fastify.hasDecorator('scheduler')) await fastify.register(fastifySchedule)
    const id = `reports-index ${randomUUID()}`
    // The task only asks and never waits, so that no build, however it ends or hangs, can lock the job; the queue keeps
    // builds from overlapping. It is async since toad-scheduler does not survive a handler that throws.
    const task = new AsyncTask(
      id,
      async () => {
        next = now() + refreshMs
        fastify.builder.request(refresh)
      },
      (error) => fastify.log.error(error, 'the schedule could not ask for a refresh')
    )
    fastify.addHook('onReady', async () => {
      next = now() + refreshMs
      fastify.scheduler.addSimpleIntervalJob(new SimpleIntervalJob({ milliseconds: refreshMs }, task, { id }))
    })
    fastify.addHook('preClose', async () => {
      fastify.scheduler.removeById(id)
    })
  },
  { name: 'reports-index-scheduler', dependencies: ['reports-index-builder'], fastify: '5.x' }
)
