const MAX_CODE_POINTS = 300
/** A line of ASCII that is as it should be. */
const FOLDED = /^[!-~]+(?: [!-~]+)*$/
const SOMETHING_TO_SEE = /[^\p{White_Space}\p{Cf}\p{Cc}]/u

/**
 * Makes one line of a title or type: white space folded, control characters dropped, cut hard after 300 code
 * points, trimmed.
 * @returns undefined where nothing but white space and format characters is left
 */
export function foldText(raw: string): string | undefined {
  if (raw.length <= MAX_CODE_POINTS && FOLDED.test(raw)) return raw
  const folded = trim(
    raw
      .toWellFormed()
      // White space is folded last: what stands on either side of a dropped control character may be blank.
      .replace(/[^\P{Cc}\p{White_Space}]+/gu, '')
      .replace(/\p{White_Space}+/gu, ' ')
  )
  const cut =
    folded.length > MAX_CODE_POINTS ? trim(Array.from(folded).slice(0, MAX_CODE_POINTS).join('')) : folded
  return SOMETHING_TO_SEE.test(cut) ? cut : undefined
}

// Only plain spaces are left to trim; String.prototype.trim would also take U+FEFF, a format character.
function trim(folded: string): string {
  return folded.replace(/^ +| +$/g, '')
}
