import type { MarkdownReport } from './markdown-report.js'

/** All that the renderer and its parent have to say to each other. */
export interface RendererTalk {
  question: MarkdownReport
  /** The page. */
  answer: string
  told: never
  said: never
}
