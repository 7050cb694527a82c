import picomatch from 'picomatch'

/** What the rules take; `rel` is the path below the base. */
export interface Select {
  /** Whether a regular file is a report. */
  file(rel: string): boolean
  /** Whether a folder is walked. */
  folder(rel: string): boolean
}

const TEMPORARY = /(?:~|\.tmp|\.partial|\.swp)$/i
const NEVER_FOLDERS = new Set(['_state', 'node_modules'])

/** Makes the rules of which files are reports from globs; they ignore case and match the whole rel. */
export function makeSelect(include: readonly string[], exclude: readonly string[]): Select {
  const included = matcher(include)
  const excluded = matcher(exclude)
  const excludedFolder = matcher([...exclude, ...exclude.flatMap(folderEmptied)])
  return {
    file: (rel) => {
      const name = nameOf(rel)
      return !name.startsWith('.') && !TEMPORARY.test(name) && included(rel) && !excluded(rel)
    },
    folder: (rel) => {
      const name = nameOf(rel)
      return !name.startsWith('.') && !NEVER_FOLDERS.has(name) && !excludedFolder(rel)
    }
  }
}

/** Whether a file is a report by its rel alone, every folder above it asked too. */
export function selects(select: Select, rel: string): boolean {
  for (let slash = rel.indexOf('/'); slash !== -1; slash = rel.indexOf('/', slash + 1)) {
    if (!select.folder(rel.slice(0, slash))) return false
  }
  return select.file(rel)
}

/** The same for many files: a folder is asked about once. */
export function selection(select: Select): (rel: string) => boolean {
  const folders = new Map<string, boolean>()
  const isWalked = (folder: string): boolean => {
    const known = folders.get(folder)
    if (known !== undefined) return known
    const above = folder.lastIndexOf('/')
    const walked = (above === -1 || isWalked(folder.slice(0, above))) && select.folder(folder)
    folders.set(folder, walked)
    return walked
  }
  return (rel) => {
    const slash = rel.lastIndexOf('/')
    return (slash === -1 || isWalked(rel.slice(0, slash))) && select.file(rel)
  }
}

function matcher(globs: readonly string[]): (rel: string) => boolean {
  if (globs.length === 0) return () => false
  return picomatch(globs.map(anchored), { dot: true, flags: 'is', nonegate: true, strictSlashes: true })
}

/** The folder of which a glob takes away all that is in it, so that it need not be walked. */
function folderEmptied(glob: string): string[] {
  return glob.endsWith('/**') ? [`/${glob.slice(0, -3).replace(/^\.?\/+/, '')}`] : []
}

// As in a .gitignore: a slash at the end means a folder, one at the start the base itself.
function anchored(glob: string): string {
  const bare = glob.replace(/\/+$/, '')
  return bare.includes('/') ? bare.replace(/^\.?\/+/, '') : `**/${bare}`
}

function nameOf(rel: string): string {
  return rel.slice(rel.lastIndexOf('/') + 1)
}

/** Splits a list of globs at its commas; those inside braces do not separate. */
export function splitGlobs(text: string): string[] {
  const globs = ['']
  let depth = 0
  for (const [char] of text.matchAll(/\\?./gsu)) {
    if (char === '{') depth++
    if (char === '}') depth = Math.max(0, depth - 1)
    if (char === ',' && depth === 0) globs.push('')
    else globs[globs.length - 1] += char
  }
  return globs.map((glob) => glob.trim()).filter((glob) => glob !== '')
}

/** Whether each bracket of a glob has its other half; a glob with a lone one matches nothing that anyone means. */
export function isBalanced(glob: string): boolean {
  const closing: Record<string, string> = { '{': '}', '[': ']', '(': ')' }
  const open: string[] = []
  for (const [char] of glob.matchAll(/\\?./gsu)) {
    if (closing[char]) open.push(closing[char])
    else if ('}])'.includes(char) && open.pop() !== char) return false
  }
  return open.length === 0
}
