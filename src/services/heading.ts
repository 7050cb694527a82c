import Markdown, { type MarkdownIt, type Token } from 'markdown-it'

// A level-1 heading at the top level has one of these lines, so most texts need no parser.
const ATX = /^ {0,3}#(?:[ \t]|$)/m
const SETEXT = /^ {0,3}=+[ \t]*$/m

const blocks = parser()
blocks.core.ruler.disable('inline')
const inlines = parser()

// The preset's own nesting limit (20) drops all that follows a deeper list.
function parser(): MarkdownIt {
  return new Markdown('commonmark', { maxNesting: 1000 })
}

/**
 * The text of the first level-1 heading that stands at the top level, as CommonMark reads it: inline markup reduced
 * to text, images to their alt text.
 * @returns undefined where there is none; an empty heading gives an empty text
 */
export function firstHeading(markdown: string): string | undefined {
  const text = markdown.replace(/\r\n?/g, '\n')
  if (!ATX.test(text) && !SETEXT.test(text)) return undefined
  const references = {}
  const tokens = blocks.parse(text, references)
  const at = tokens.findIndex(
    ({ type, tag, level }) => type === 'heading_open' && tag === 'h1' && level === 0
  )
  if (at === -1) return undefined
  return plainText(inlines.parseInline(tokens[at + 1]?.content ?? '', references))
}

function plainText(tokens: Token[]): string {
  return tokens.map(textOf).join('')
}

function textOf(token: Token): string {
  switch (token.type) {
    case 'softbreak':
    case 'hardbreak':
      return ' '
    case 'html_inline':
      return ''
    default:
      return token.children?.length ? plainText(token.children) : token.content
  }
}
