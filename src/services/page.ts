import { createHash } from 'node:crypto'
import { escapeHtml } from './escape.js'
import type { Settings } from './settings.js'

/** The page, and what it may load and do. */
export interface Page {
  body: Buffer
  /** `Content-Security-Policy` */
  policy: string
}

/**
 * The page as this service serves it.
 * @param html as it was built: its style and its script stand in it
 */
export function pageFor(html: string, { reportUrl, serveReports, token }: Settings): Page {
  const own = serveReports ? { reportUrl: 'reports/{base}/{rel}', rendered: true } : {}
  const links = reportUrl === undefined ? own : { reportUrl }
  const told = JSON.stringify({ ...links, ...(token !== undefined && { guarded: true }) })
  const body = html.replace(
    '<meta name="reports-index" content="">',
    () => `<meta name="reports-index" content="${escapeHtml(told)}">`
  )
  const hashOf = (tag: string) => {
    const text = new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(body)?.[1] ?? ''
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  }
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ]
  return { body: Buffer.from(body), policy: policy.join('; ') }
}
