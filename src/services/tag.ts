/** The digest that a tag of the listing holds: of any coding, weak or strong, quoted or not. */
export function digestIn(tag: string): string {
  return tag
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1')
    .replace(/-(?:br|gzip)$/, '')
}
