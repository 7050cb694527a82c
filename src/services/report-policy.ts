import { type Format, formatOf } from './format.js'

/** What a report that is sent as it is may do: nothing that acts; its own styles and pictures are shown. */
export const REPORT_POLICY = [
  'sandbox',
  "default-src 'none'",
  "style-src 'unsafe-inline' data: https: http:",
  'img-src data: https: http:',
  'font-src data: https: http:',
  'media-src data: https: http:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

const TYPES: Record<Format, string> = {
  markdown: 'text/markdown',
  html: 'text/html',
  text: 'text/plain',
  pdf: 'application/pdf'
}

/**
 * The media type of a report. What is no UTF-8 goes without a charset: HTML declares its own, and a byte-order mark counts
 * in all of them.
 */
export function mediaTypeOf(rel: string, isUtf8: boolean): string {
  const format = formatOf(rel.slice(rel.lastIndexOf('/') + 1))
  return format === 'pdf' || !isUtf8 ? TYPES[format] : `${TYPES[format]}; charset=utf-8`
}
