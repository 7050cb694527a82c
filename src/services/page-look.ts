import { createHash } from 'node:crypto'

/** Grows when the same report would make another page. */
export const PAGE_VERSION = 2

/** The style of a Markdown report that is shown as a page. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1c2128; --dim: #57606a; --line: #d0d7de; --soft: #f3f5f8; --link: #0b57b0; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --dim: #9aa5b3; --line: #343c47; --soft: #1a2029; --link: #7db4ff; --paper: #11151b } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 52rem; padding: 1rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; color: var(--dim); font-size: .875rem }
header p { margin: .25rem 0 .75rem }
nav { display: flex; justify-content: space-between; gap: 1rem }
a { color: var(--link) }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 .5em }
h1 { font-size: 1.7rem; margin-top: 0 }
h2 { font-size: 1.3rem }
pre, code { font: .875em/1.5 ui-monospace, monospace; background: var(--soft); border-radius: 4px }
code { padding: .1em .3em }
pre { padding: .75rem 1rem; overflow-x: auto; overflow-wrap: normal }
pre code { padding: 0; background: none }
blockquote { margin: 1em 0; padding: 0 1rem; border-inline-start: 3px solid var(--line); color: var(--dim) }
table { border-collapse: collapse; display: block; overflow-x: auto; max-width: 100%; overflow-wrap: normal }
th, td { border: 1px solid var(--line); padding: .35rem .7rem }
th:not([align]) { text-align: start }
th { background: var(--soft) }
img { max-width: 100%; height: auto }
hr { border: 0; border-top: 1px solid var(--line) }
.note { color: var(--dim); border-top: 1px solid var(--line); padding-top: .75rem }
`

/** What the page may load: its own style, and pictures. */
export const PAGE_POLICY = [
  'sandbox',
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "img-src 'self' data: https: http:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')
