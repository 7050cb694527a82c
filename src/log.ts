import type { FastifyServerOptions } from 'fastify'

/** Log lines on standard error: readable on a terminal, JSON elsewhere. */
export async function loggerFor(level: string): Promise<NonNullable<FastifyServerOptions['logger']>> {
  if (!process.stderr.isTTY) return { level, stream: process.stderr }
  const { default: pretty } = await import('pino-pretty')
  const colorize = !process.env['NO_COLOR']
  return {
    level,
    stream: pretty({
      destination: 2,
      sync: true,
      colorize,
      translateTime: 'SYS:HH:MM:ss',
      ignore: 'pid,hostname',
      singleLine: true
    })
  }
}
