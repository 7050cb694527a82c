import createError from '@fastify/error'

/** YAML that does not parse; `offset` counts UTF-16 code units from the start of its text. */
export class YamlError extends Error {
  constructor(
    message: string,
    readonly offset: number
  ) {
    super(message)
    this.name = 'YamlError'
  }
}

/** A setting that can not be used: names the setting, the value and what is allowed. */
export class SettingError extends Error {
  readonly code = 'RI_ERR_SETTING'
}

/** The builder process ended before it answered. */
export class ChildLost extends Error {}

export const NotFound = createError('RI_ERR_NOT_FOUND', '%s', 404)
export const BadPath = createError('RI_ERR_BAD_PATH', '%s', 400)
export const UnknownBase = createError('RI_ERR_UNKNOWN_BASE', 'unknown base "%s"', 400)
export const NotWritten = createError('RI_ERR_NOT_WRITTEN', 'the manifest could not be written: %s', 503)
export const BuildFailed = createError('RI_ERR_BUILD_FAILED', 'the build failed: %s', 503)
export const Stopping = createError('RI_ERR_STOPPING', 'the service is stopping', 503)
export const NoListing = createError('RI_ERR_NO_LISTING', 'there is no listing yet: %s', 503)
