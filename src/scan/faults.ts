const SENTENCES: Record<string, string> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it is not a folder',
  EACCES: 'permission is denied',
  EPERM: 'the operation is not permitted',
  ENOTCONN: 'its mount is dead',
  ECONNABORTED: 'its mount died under way',
  ECONNREFUSED: 'its server refuses the connection',
  EHOSTDOWN: 'its server is down',
  EIO: 'it answers with an input/output error',
  ESTALE: 'its file handle is stale',
  ETIMEDOUT: 'it timed out',
  ELOOP: 'it is a loop of links',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open'
}

/** The code of a file system's error; undefined for any other error. */
export function faultCode(error: unknown): string | undefined {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  return typeof code === 'string' && typeof syscall === 'string' ? code : undefined
}

/** Whether an error says that the file is not there, not a file, or can not be. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'].includes(faultCode(error) ?? '')
}

/** What an error of the file system means, with its code and without any path. */
export function describeFault(error: unknown): string {
  const code = faultCode(error) ?? 'unknown error'
  return `${SENTENCES[code] ?? 'it can not be read'} (${code})`
}
