import type { Entry } from '../schemas/entry.js'

/** Whether a text holds half of a surrogate pair without the other half: it has no UTF-8, so no URL can hold it. */
export function isIllFormed(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}

/** A report's rel as a part of a URL: each part percent-encoded, the slashes kept. What has no UTF-8 becomes U+FFFD. */
export function encodeRel(rel: string): string {
  return rel.split('/').map(encodePart).join('/')
}

function encodePart(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
}

/**
 * The address of a report.
 * @param template with `{base}` and `{rel}` in it
 * @returns undefined where no address can name it
 */
export function reportLink(template: string, { base, rel }: Pick<Entry, 'base' | 'rel'>): string | undefined {
  if (isIllFormed(rel)) return undefined
  const values: Record<string, string> = { base: encodePart(base), rel: encodeRel(rel) }
  return template.replace(/\{(base|rel)\}/g, (_, name: string) => values[name] as string)
}
