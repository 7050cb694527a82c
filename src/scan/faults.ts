import { constants } from 'node:os'

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
  EREMOTEIO: 'its server answers with an input/output error',
  ESTALE: 'its file handle is stale',
  ETIMEDOUT: 'it timed out',
  ELOOP: 'it is a loop of links',
  ENAMETOOLONG: 'its path is too long',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  EAGAIN: 'another program holds it',
  EUCLEAN: 'its file system is damaged',
  ENOKEY: 'its key is missing',
  RI_ERR_NO_ANSWER: 'it gives no answer',
  RI_ERR_UNMOUNTED: 'a mount of it went away while it was scanned',
  RI_ERR_MOVED: 'it was moved while it was scanned'
}

/** What libuv has no name for, Node gives a sentence as its code, with the number in `errno`. */
const NAMELESS = /^Unknown system error/
const LINUX: Record<number, string> = { 117: 'EUCLEAN', 121: 'EREMOTEIO', 126: 'ENOKEY' }

/** The code of a file system's error; undefined for any other error. */
export function faultCode(error: unknown): string | undefined {
  const { code, syscall, errno } = (error ?? {}) as { code?: unknown; syscall?: unknown; errno?: unknown }
  if (typeof code !== 'string' || typeof syscall !== 'string') return undefined
  return NAMELESS.test(code) ? nameOf(Math.abs(Number(errno))) : code
}

function nameOf(errno: number): string {
  const [name] = Object.entries(constants.errno).find(([, number]) => number === errno) ?? []
  return name ?? LINUX[errno] ?? `errno ${errno}`
}

/** An error that reads like one of the file system. */
export function makeFault(code: string): Error {
  return Object.assign(new Error(SENTENCES[code] ?? code), { code, syscall: 'scan' })
}

/** Whether an error says that there is nothing at a path. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(faultCode(error) ?? '')
}

/** Whether an error says that the file is not there, or is no file that can be opened. */
export function isGone(error: unknown): boolean {
  return isMissing(error) || ['ELOOP', 'ENXIO'].includes(faultCode(error) ?? '')
}

/** Whether an error says that another program holds the file for a moment, by a lease. */
export function isHeld(error: unknown): boolean {
  return ['EAGAIN', 'EWOULDBLOCK'].includes(faultCode(error) ?? '')
}

/** What an error of the file system means, with its code and without any path. */
export function describeFault(error: unknown): string {
  const code = faultCode(error) ?? 'unknown error'
  return `${SENTENCES[code] ?? 'it can not be read'} (${code})`
}
