import { isIP } from 'node:net'
import { SettingError } from './errors.js'

/** Whether a host's name or address stands for this machine itself. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/\.$/, '')
  if (isIP(name)) return name === '::1' || name.startsWith('127.')
  return /^(?:[a-z0-9_-]+\.)*localhost$/i.test(name)
}

/**
 * A service that others can reach has to have a token.
 * @throws SettingError
 */
export function checkDoor({ host, token }: { host: string; token?: string | undefined }): void {
  if (isLoopback(host) || token !== undefined) return
  throw new SettingError(
    `HOST (--host) is ${JSON.stringify(host)}; allowed: a loopback name or address, or any of this machine where ` +
      'REPORTS_INDEX_TOKEN (--token) is set'
  )
}

/**
 * Tells which `Host` headers a service takes: addresses and names that nobody else can lead elsewhere, so that no web page
 * reaches it by DNS rebinding.
 * @param machine the machine's own name
 */
export function hostCheck(
  { host, allowedHosts }: { host: string; allowedHosts: readonly string[] },
  machine: string
): (header: string | undefined) => boolean {
  const names = new Set(['localhost', ...[host, machine].map(bare), ...allowedHosts])
  // What listens on loopback alone is reached by no other address.
  const isOwnAddress = (name: string) => isIP(name) > 0 && (!isLoopback(host) || isLoopback(name))
  return (header) => {
    if (header === undefined) return true // HTTP/1.0, which no web page speaks
    const name = hostnameIn(header)
    return name !== undefined && name !== '' && (isOwnAddress(name) || names.has(name))
  }
}

function bare(name: string): string {
  return name.replace(/\.$/, '').toLowerCase()
}

/** The name or address in a `Host` header, in lower case, without port and brackets. */
function hostnameIn(header: string): string | undefined {
  const [, address, name] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(header) ?? []
  // Brackets are for addresses of IPv6 alone.
  if (address !== undefined) return isIP(address) === 6 ? address.toLowerCase() : undefined
  return name === undefined ? undefined : bare(name)
}

/**
 * Whether a request to change something comes from a page of ours, of a listed origin, or from no web page at all.
 * @param headers `origin`, `host` and `sec-fetch-site` of the request
 */
export function isFromFriend(
  headers: { origin?: string | undefined; host?: string | undefined; site?: string | undefined },
  listed: readonly string[]
): boolean {
  const { origin, host, site } = headers
  if (origin === undefined) return site === undefined || site === 'same-origin' || site === 'none'
  const from = originOf(origin)
  if (from === undefined) return false
  // A proxy in front may speak TLS: the scheme that the page was loaded by is not known here.
  if (listed.includes(from)) return true
  return host !== undefined && ['http', 'https'].some((scheme) => originOf(`${scheme}://${host}`) === from)
}

/** What browsers tell of a request that a page makes (Fetch Metadata), and of whose page that is. */
export interface FetchMetadata {
  site?: string | undefined
  mode?: string | undefined
  dest?: string | undefined
  origin?: string | undefined
}

/**
 * Whether a request to read comes from a page of another site that is not listed. Following a link is no such request; a
 * frame, a picture or a script is one: their pages can not read the answer, but measure it.
 */
export function isCrossSite({ site, mode, dest, origin }: FetchMetadata, listed: readonly string[]): boolean {
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  if (mode === 'navigate' && dest === 'document') return false
  const from = origin === undefined ? undefined : originOf(origin)
  return from === undefined || !listed.includes(from)
}

/** An origin in the form that browsers send; undefined where a text is none. */
export function originOf(text: string): string | undefined {
  if (!/^https?:\/\/[^/?#@*\s]+\/?$/i.test(text)) return undefined
  try {
    return new URL(text).origin
  } catch {
    return undefined
  }
}
