import { type Alias, isAlias, isMap, isScalar, type Node, parseDocument, type Scalar, visit } from 'yaml'
import { YamlError } from './errors.js'

const MAX_ALIASES = 50
const MAX_DEPTH = 64
/** Control characters that YAML allows nowhere. */
const C0 = /[\x00-\x08\v\f\x0e-\x1f]/
const NULLS = new Set<unknown>(['', '~', 'null', 'Null', 'NULL'])

/**
 * Reads the scalars of a YAML 1.2 map as the text they were written as. Tags are ignored; null, lists and maps yield
 * nothing. It makes no object from the text, so no key of it can name a prototype.
 * @param keys the keys that are asked for
 * @throws YamlError with the offset of what does not parse
 */
export function readYamlKeys(text: string, keys: readonly string[]): Map<string, string> {
  const document = parseTree(text)
  const error = document.errors.find(({ code }) => code !== 'TAG_RESOLVE_FAILED')
  if (error?.code === 'RESOURCE_EXHAUSTION')
    throw new YamlError(`nested deeper than ${MAX_DEPTH}`, error.pos[0])
  if (error) throw new YamlError(firstLine(error.message), error.pos[0])
  const aliases = checkNodes(document.contents)
  const found = new Map<string, string>()
  if (!isMap(document.contents)) return found
  for (const { key, value } of document.contents.items) {
    const name = scalarOf(key, aliases)
    const content = scalarOf(value, aliases)
    if (name && content && keys.includes(String(name.value)) && !isNull(content)) {
      found.set(String(name.value), String(content.value))
    }
  }
  return found
}

function parseTree(text: string): ReturnType<typeof parseDocument> {
  const control = C0.exec(text)
  if (control) throw new YamlError('a control character', control.index)
  const options = {
    version: '1.2',
    schema: 'failsafe',
    resolveKnownTags: false,
    uniqueKeys: false, // quadratic there; checked below
    prettyErrors: false,
    logLevel: 'error' // 'silent' lets a second document pass
  } as const
  try {
    return parseDocument(text, options)
  } catch (error) {
    // Some nesting is recursion there, without a bound.
    if (error instanceof RangeError) throw new YamlError(`nested deeper than ${MAX_DEPTH}`, 0)
    throw error
  }
}

type Aliases = Map<Alias, Node>

/** Checks what the parser leaves open, and tells which node each alias means. */
function checkNodes(contents: Node | null): Aliases {
  const anchors = new Map<string, Node>()
  const aliases: Aliases = new Map()
  visit(contents, (_key, node, path) => {
    if (path.length > MAX_DEPTH * 2) throw new YamlError(`nested deeper than ${MAX_DEPTH}`, offsetOf(node))
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (!target) throw new YamlError(`alias of an unknown anchor: ${node.source}`, offsetOf(node))
      if (aliases.set(node, target).size > MAX_ALIASES) {
        throw new YamlError(`more than ${MAX_ALIASES} aliases`, offsetOf(node))
      }
    } else if (isMap(node)) {
      checkKeys(node.items.map(({ key }) => key))
    }
    const anchor = (node as { anchor?: string } | null)?.anchor
    if (anchor !== undefined) anchors.set(anchor, node as Node)
  })
  return aliases
}

function checkKeys(keys: unknown[]): void {
  const seen = new Set<unknown>()
  for (const key of keys) {
    if (!isScalar(key)) continue
    if (seen.has(key.value)) throw new YamlError('map keys must be unique', offsetOf(key))
    seen.add(key.value)
  }
}

function scalarOf(node: unknown, aliases: Aliases): Scalar | undefined {
  const target = isAlias(node) ? aliases.get(node) : node
  return isScalar(target) ? target : undefined
}

function isNull({ type, value }: Scalar): boolean {
  return value === null || (type === 'PLAIN' && NULLS.has(value))
}

function offsetOf(node: unknown): number {
  return (node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] as string
}
