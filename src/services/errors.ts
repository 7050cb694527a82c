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

/** The lock is in other hands, and was waited for long enough. */
export class LockTaken extends Error {}

export const NotFound = createError('RI_ERR_NOT_FOUND', '%s', 404)
export const ReportGone = createError(
  'RI_ERR_REPORT_GONE',
  'the report %s of the base %s is listed, but not there now',
  404
)
export const ReportUnreadable = createError(
  'RI_ERR_REPORT_UNREADABLE',
  'the report %s of the base %s can not be read: %s',
  503
)
export const BaseSilent = createError('RI_ERR_BASE_SILENT', 'the base %s gives no answer', 503)
export const OpenerLost = createError(
  'RI_ERR_OPENER_LOST',
  'the process that reads reports ended: ask again',
  503
)
export const NotRendered = createError(
  'RI_ERR_NOT_RENDERED',
  'the report can not be shown as a page: %s; its text is to be had without "view"',
  503
)
export const PreconditionFailed = createError(
  'RI_ERR_PRECONDITION_FAILED',
  'it is not in the state that is asked for',
  412
)
export const RangeNotSatisfiable = createError(
  'RI_ERR_RANGE_NOT_SATISFIABLE',
  'the report has no such bytes: it has %s',
  416
)
export const BadPath = createError('RI_ERR_BAD_PATH', '%s', 400)
export const UnknownBase = createError('RI_ERR_UNKNOWN_BASE', 'unknown base "%s"', 400)
export const OwnBase = createError(
  'RI_ERR_OWN_BASE',
  'the base "%s" is one of the bases here: only a base that is none of them can be forgotten',
  400
)
export const BuildFailed = createError('RI_ERR_BUILD_FAILED', 'the build failed: %s', 503)
export const NoHost = createError('RI_ERR_NO_HOST', 'the request has no Host', 400)
export const UnknownHost = createError(
  'RI_ERR_UNKNOWN_HOST',
  'this service is not called "%s"; REPORTS_INDEX_ALLOWED_HOSTS (--allowed-host) adds a name',
  403
)
export const ForeignOrigin = createError(
  'RI_ERR_FOREIGN_ORIGIN',
  'a page of the origin "%s" can not do this; REPORTS_INDEX_CORS_ORIGINS lists those that can',
  403
)
export const CrossSite = createError(
  'RI_ERR_CROSS_SITE',
  'a page of another site can not read this; REPORTS_INDEX_CORS_ORIGINS lists the origins that can',
  403
)
export const SeveralHosts = createError('RI_ERR_SEVERAL_HOSTS', 'the request has several Host headers', 400)
export const BadTarget = createError('RI_ERR_BAD_TARGET', 'the target "%s" is none of this service', 400)
export const UnknownTransferCoding = createError(
  'RI_ERR_TRANSFER_CODING',
  'the only transfer coding that is understood is chunked',
  501
)
export const MethodNotAllowed = createError('RI_ERR_METHOD_NOT_ALLOWED', '%s allows %s', 405)
export const UrlTooLong = createError('RI_ERR_URL_TOO_LONG', 'the URL is longer than %s characters', 414)
export const BadCursor = createError('RI_ERR_BAD_CURSOR', 'the parameter "cursor" %s', 400)
export const CursorGone = createError(
  'RI_ERR_CURSOR_GONE',
  'the listing has changed since the page before, %s; begin again without a cursor',
  410
)
export const TagGone = createError(
  'RI_ERR_TAG_GONE',
  'this process does not know the listing "%s" (any more); read the whole listing again',
  410
)
export const NotAcceptable = createError(
  'RI_ERR_NOT_ACCEPTABLE',
  'Accept-Encoding refuses all that there is: br, gzip, and no coding at all',
  406
)
export const BadEncoding = createError(
  'RI_ERR_BAD_ENCODING',
  'the parameter "%s" is not percent-encoded UTF-8',
  400
)
export const Busy = createError('RI_ERR_BUSY', 'too much waits already: %s', 503)
export const Stopping = createError('RI_ERR_STOPPING', 'the service is stopping', 503)
export const NoListing = createError('RI_ERR_NO_LISTING', 'there is no listing yet: %s', 503)

/** The manifest could not be written; told with the error's code. */
export class NotWritten extends createError('RI_ERR_NOT_WRITTEN', '%s', 503) {
  constructor(code: string) {
    super(notWritten(code))
  }
}

const REASONS: Record<string, string> = {
  ENOSPC: 'its disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'its file system is read-only',
  EACCES: 'permission is denied',
  EPERM: 'the operation is not permitted',
  ENOENT: 'its folder is not there, and a base is never made',
  EEXIST: 'a file is in the place of its folder',
  ENOTDIR: 'a file is in the place of its folder',
  EISDIR: 'a folder is in its place',
  ENOTFILE: 'something that is no file is in its place',
  ENOTCONN: 'its mount is dead',
  EIO: 'its disk answers with an input/output error',
  RI_ERR_LOCKED: 'another process builds, and does not come to an end; is it stopped?',
  RI_ERR_LATE: 'its file system gives no answer',
  RI_ERR_OVERTAKEN:
    'other builders that no lock keeps apart from this one replace it again and again; let one of them build',
  RI_ERR_MOUNT_GONE: 'its mount fell away',
  RI_ERR_SHORT_WRITE: 'its disk is full, or loses what is written'
}

/** Why nothing is built, for an operator. */
export function notWritten(code: string): string {
  return `the manifest can not be written, so nothing is built: ${REASONS[code] ?? 'its file system refuses'} (${code})`
}
