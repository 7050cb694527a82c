import type { Entry } from '../schemas/entry.js'

/** A report's rel as a part of a URL: each part percent-encoded, the slashes kept. */
export function encodeRel(rel: string): string {
  return rel.split('/').map(encodeURIComponent).join('/')
}

/**
 * The address of a report.
 * @param template with `{base}` and `{rel}` in it
 */
export function reportLink(template: string, { base, rel }: Pick<Entry, 'base' | 'rel'>): string {
  const values: Record<string, string> = { base: encodeURIComponent(base), rel: encodeRel(rel) }
  return template.replace(/\{(base|rel)\}/g, (_, name: string) => values[name] as string)
}
