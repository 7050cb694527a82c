import matter from 'gray-matter'
import { YamlError } from './errors.js'
import { readYamlKeys } from './yaml.js'

/*
 * gray-matter, with its traps closed:
 * - it evals `---js` and its like: the caller hands over nothing but the block of a plain `---`;
 * - it caches by text before it parses, errors too, unless options are given: always fresh ones;
 * - it ends the block at any line that begins with `---`, and its search for comments is quadratic in blank lines: the
 *   engine reads the block itself, and gray-matter is handed it without such lines.
 */
export function parseBlock(block: string, keys: readonly string[]): Record<string, string> {
  const lines = block.split(/[\r\n\u2028\u2029]+/).filter((line) => line.trim() !== '')
  const { data } = matter(
    {
      content: `---\n${lines.map((line) => (line.startsWith('---') ? `_${line}` : line)).join('\n')}\n---\n`
    },
    {
      language: 'yaml',
      engines: {
        yaml: () => Object.fromEntries(readYamlKeys(block, keys)),
        javascript: refuse,
        js: refuse
      }
    }
  )
  return data
}

function refuse(): never {
  throw new YamlError('front matter is data, not code', 0)
}
