/** Elements that end by themselves, or where the next one of their kind begins. */
const SELF_ENDING = new Set(
  'area base br col colgroup dd dt embed hr img input li link meta option p param source tbody td tfoot th thead tr track wbr'.split(
    ' '
  )
)

/**
 * Whether elements are nested more deeply than is read in a reasonable time, which grows with the square of the depth.
 * @param html may be any text
 */
export function isNestedBeyond(limit: number, html: string): boolean {
  const open: string[] = []
  for (const [, slash, tag = ''] of html.matchAll(/<(\/?)([a-z][^\s/>]*)/gi)) {
    const name = tag.toLowerCase()
    if (SELF_ENDING.has(name)) continue
    if (slash === '') open.push(name)
    else if (open.includes(name)) open.length = open.lastIndexOf(name)
    if (open.length > limit) return true
  }
  return false
}
