export type Format = 'markdown' | 'html' | 'text' | 'pdf'

const formats: Record<string, Format> = {
  md: 'markdown',
  markdown: 'markdown',
  html: 'html',
  htm: 'html',
  pdf: 'pdf'
}

/** The file name's extension without its dot; empty where there is none. A leading dot makes no extension. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1) : ''
}

/** How a file is read, told by its name alone; unknown extensions are text. */
export function formatOf(name: string): Format {
  const extension = extensionOf(name).toLowerCase()
  return Object.hasOwn(formats, extension) ? (formats[extension] as Format) : 'text'
}
