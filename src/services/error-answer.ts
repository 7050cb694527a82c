import { STATUS_CODES } from 'node:http'
import type { ErrorAnswer } from '../schemas/error.js'

/** What an error tells its caller; what was not meant for the caller is not told. */
export function errorAnswer(error: {
  statusCode?: number | undefined
  code?: string
  message: string
}): ErrorAnswer {
  const statusCode = error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : 500
  const isOurs = statusCode < 500 || error.code?.startsWith('RI_ERR_')
  return {
    statusCode,
    code: isOurs ? (error.code ?? `RI_ERR_${statusCode}`) : 'RI_ERR_INTERNAL',
    error: STATUS_CODES[statusCode] ?? 'Error',
    message: isOurs ? error.message : 'something went wrong; the log of the service says what'
  }
}
