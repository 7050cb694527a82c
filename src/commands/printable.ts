/** A text safe for a terminal: control characters, those that turn its direction and what has no UTF-8 as `\xNN` or `\u{NNNN}`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Surrogate}\u2028\u2029]/gu, (char) => {
    const code = char.charCodeAt(0).toString(16)
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`
  })
}
