import { answerParent } from './services/io/parent.js'
import { markdownPage } from './services/markdown-page.js'
import { loadAll } from './services/parsers.js'
import type { RendererTalk } from './services/renderer-messages.js'

/** A process that makes pages of Markdown: a report that takes it too long costs this process alone. */

answerParent<RendererTalk>(
  async ({ bytes, ...report }) => {
    await loadAll()
    // A Buffer arrives as plain bytes.
    return markdownPage({ ...report, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) })
  },
  () => {}
)
