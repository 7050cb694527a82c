/*
 * What reads texts that can not be understood at a glance. Most can, and loading all of these takes as long as reading some
 * hundred files, so each is loaded when it is first asked for. That takes a turn of the event loop: who asks too early is
 * told so, loads, and asks again.
 */
const loaders = {
  yaml: () => import('./yaml-block.js'),
  markdown: () => import('./markdown.js'),
  html: () => import('./html-tree.js'),
  charsets: () => import('./charsets.js')
}
type Name = keyof typeof loaders
type Parsers = { [K in Name]: Awaited<ReturnType<(typeof loaders)[K]>> }

const loaded: Partial<Parsers> = {}

/** A parser is not loaded yet. */
export class ParserWanted extends Error {
  constructor(readonly wanted: Name) {
    super(`the parser for ${wanted} is not loaded yet`)
  }
}

/** @throws ParserWanted where it has to be loaded first */
export function parser<K extends Name>(name: K): Parsers[K] {
  const found: Parsers[K] | undefined = loaded[name]
  if (!found) throw new ParserWanted(name)
  return found
}

export async function load(name: Name): Promise<void> {
  Object.assign(loaded, { [name]: await loaders[name]() })
}

/**
 * Loads all that are left. Where a process lives long its own files may be exchanged under it, and a parser that was never
 * wanted before could not be found then.
 */
export async function loadAll(): Promise<void> {
  for (const name of Object.keys(loaders) as Name[]) if (!loaded[name]) await load(name)
}

/** Does work that may ask for parsers, and loads them for it. */
export async function withParsers<T>(work: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ParserWanted)) throw error
      await load(error.wanted)
    }
  }
}
