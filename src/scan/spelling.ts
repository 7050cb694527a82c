import { lstat } from 'node:fs/promises'
import { faultCode } from './faults.js'
import type { Spell } from './file-below.js'
import type { Hands } from './hands.js'
import type { Calls } from './pin.js'

/**
 * How names are spelled in their folders. File systems that ignore case (or the form of accents) find a file by many names
 * and list one. A folder is listed only where a name is found by another spelling, too, and then once.
 */
export class Spellings {
  readonly #hands: Hands
  readonly #calls: Calls
  readonly #listed = new Map<string, Promise<Set<string>>>()
  readonly #told = new Map<string, Promise<string | undefined>>()
  /** Names, with their folders, that are found by spellings which are not listed. */
  readonly ignored = new Set<string>()

  constructor(hands: Hands, calls: Calls | undefined) {
    this.#hands = hands
    this.#calls = calls ?? ((call) => call())
  }

  /** Tells how a name is spelled in its folder. */
  readonly spell: Spell = async (folder, path, name) => {
    const key = `${folder}/${name}`
    const told = this.#told.get(key) ?? this.#spelled(folder, path, name)
    this.#told.set(key, told)
    return await told
  }

  async #spelled(folder: string, path: string, name: string): Promise<string | undefined> {
    const variants = variantsOf(name)
    const found = await Promise.all(variants.map((variant) => this.#isFound(`${path}/${variant}`)))
    if (!found.includes(true)) return name
    const listed = await this.#namesIn(folder, path)
    if (variants.some((variant, i) => found[i] && !listed.has(variant)))
      this.ignored.add(folded(folder === '' ? name : `${folder}/${name}`))
    if (listed.has(name)) return name
    const alike = [...listed].filter((each) => folded(each) === folded(name))
    return alike.length === 1 ? alike[0] : undefined
  }

  async #isFound(path: string): Promise<boolean> {
    try {
      await this.#calls(() => lstat(path))
      return true
    } catch (error) {
      if (faultCode(error) === undefined) throw error
      return false
    }
  }

  #namesIn(folder: string, path: string): Promise<Set<string>> {
    const list = async () => new Set((await this.#hands.names(path)).map(({ name }) => name))
    const names = this.#listed.get(folder) ?? list()
    this.#listed.set(folder, names)
    return names
  }
}

/** Other spellings of a name that a file system may take for it. */
export function variantsOf(name: string): string[] {
  return [...new Set([swapCase(name), name.normalize('NFC'), name.normalize('NFD')])].filter(
    (variant) => variant !== name
  )
}

function swapCase(name: string): string {
  return Array.from(name, swapped).join('')
}

function swapped(char: string): string {
  const other = char.toLowerCase() === char ? char.toUpperCase() : char.toLowerCase()
  return other.length === char.length ? other : char
}

/** Whether a file is found by its name in another case; null where that cannot be told. */
export async function isFoundInOtherCase(rel: string, hands: Hands, root: string): Promise<boolean | null> {
  const slash = rel.lastIndexOf('/') + 1
  const other = swapCase(rel.slice(slash))
  if (other === rel.slice(slash)) return null
  try {
    await hands.stat(`${root}/${rel.slice(0, slash)}${other}`)
    return true
  } catch (error) {
    return faultCode(error) === 'ENOENT' ? false : null
  }
}

/** What all spellings of a name have in common. */
export function folded(name: string): string {
  return name.normalize('NFC').toLowerCase()
}
