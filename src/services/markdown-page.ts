import GithubSlugger from 'github-slugger'
import MarkdownIt from 'markdown-it'
import sanitize from 'sanitize-html'
import { decodeText } from './decode.js'
import { escapeHtml } from './escape.js'
import { splitFrontMatter } from './front-matter.js'
import { type MarkdownReport, TOO_DEEP, TOO_LARGE } from './markdown-report.js'
import { isNestedBeyond } from './nesting.js'
import { PAGE_STYLE } from './page-look.js'

const markdown = new MarkdownIt({ html: true, linkify: true }).use((it) => {
  it.core.ruler.push('names', ({ tokens }) => {
    const slugger = new GithubSlugger()
    for (const [i, token] of tokens.entries())
      if (token.type === 'heading_open') token.attrSet('id', slugger.slug(textIn(tokens[i + 1])))
  })
})

/** What a heading says, its markup left off. */
function textIn(inline: { children: { type: string; content: string }[] | null } | undefined): string {
  const parts = inline?.children?.filter(({ type }) => type === 'text' || type === 'code_inline') ?? []
  return parts.map(({ content }) => content).join('')
}

/** A page that would be larger is not made, in characters: references can make much of little. */
const MOST_PAGE = 1 << 21
/** More deeply nested elements are not read: that takes the square of the depth. */
const MAX_NESTING = 1000

/** What may stand in the page; all else is taken out, and with scripts, styles and forms what they hold. */
const ALLOWED: sanitize.IOptions = {
  allowedTags: [...sanitize.defaults.allowedTags, 'img', 'del', 'ins', 'details', 'summary'],
  allowedAttributes: {
    '*': ['id', 'title', 'lang', 'dir', 'align'],
    a: ['href'],
    img: ['src', 'alt', 'width', 'height'],
    td: ['colspan', 'rowspan'],
    th: ['colspan', 'rowspan', 'scope'],
    ol: ['start'],
    details: ['open'],
    code: ['class']
  },
  allowedClasses: { code: ['language-*'] },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowedSchemesByTag: { img: ['http', 'https', 'data'] },
  transformTags: {
    // A style that stands in an element is not applied under the policy of the page.
    td: aligned,
    th: aligned,
    a: (tagName, { href, ...attribs }) => ({
      tagName,
      attribs: { ...attribs, ...(href !== undefined && { href: toPage(href) }) }
    })
  }
}

/**
 * A Markdown report as a page of its own: CommonMark with tables and strike-through, its HTML cleaned of all that acts. Its
 * links to other Markdown reports lead to their pages.
 */
export function markdownPage({ entry, bytes, cut }: MarkdownReport): string {
  const text = decodeText({ bytes, cut })
  const body = text.slice(splitFrontMatter(text).body)
  const rendered = markdown.render(body)
  if (rendered.length > MOST_PAGE) throw new Error(TOO_LARGE)
  if (isNestedBeyond(MAX_NESTING, rendered)) throw new Error(TOO_DEEP)
  const content = sanitize(rendered, ALLOWED)
  const { base, rel, title, date } = entry
  const home = '../'.repeat(rel.split('/').length + 1)
  const note = cut ? '<p class="note">The report is long: this is its beginning.</p>' : ''
  return `<!doctype html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<nav aria-label="Report"><a href="${home}">All reports</a> <a href="?view=raw">Raw text</a></nav>
<p><bdi>${escapeHtml(base)}</bdi> / <bdi>${escapeHtml(rel)}</bdi> <time datetime="${escapeHtml(date)}">${escapeHtml(date.slice(0, 10))}</time></p>
</header>
<main dir="auto">
${/<h1[ >]/.test(content) ? '' : `<h1>${escapeHtml(title)}</h1>\n`}${content}
</main>
${note}
</body>
</html>
`
}

function aligned(tagName: string, { style, ...attribs }: sanitize.Attributes): sanitize.Tag {
  const [, align] = /^text-align:(left|right|center)$/.exec(style ?? '') ?? []
  return { tagName, attribs: { ...attribs, ...(align !== undefined && { align }) } }
}

/** A link below the same folder or beside it to Markdown leads to its page. */
function toPage(href: string): string {
  const [, path, hash] = /^(?![a-z][a-z0-9+.-]*:|\/\/|#)([^?#]+\.(?:md|markdown))(#.*)?$/i.exec(href) ?? []
  return path === undefined ? href : `${path}?view=rendered${hash ?? ''}`
}
