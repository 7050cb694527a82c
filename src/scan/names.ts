import { isUtf8 } from 'node:buffer'
import fs from 'node:fs'
import { promisify } from 'node:util'
import { faultCode, isMissing } from './faults.js'

/** `unknown` where neither the listing nor a stat tells it. */
export type Kind = 'file' | 'folder' | 'link' | 'other' | 'unknown'

/** A name in a folder; `invalid` where it is not UTF-8: `name` then shows each bad byte as `\xNN`. */
export interface Name {
  name: string
  kind: Kind
  invalid?: boolean
  /** Why the kind is unknown: the error of its stat. */
  fault?: unknown
}

/** What the listings of one scan turned out to tell. */
export interface ListingTraits {
  /** Whether they tell the kind of each name; undefined while none has been read. */
  kinds?: boolean
}

const TYPED = { withFileTypes: true } as const
const TYPED_BYTES = { withFileTypes: true, encoding: 'buffer' } as unknown as typeof TYPED
const BYTES = 'buffer'

/**
 * Lists a folder. Where the file system tells no kinds, Node stats each name itself and fails as a whole when one stat
 * fails, with that stat's error; such a folder is listed without kinds, and each name is stat'd by its bytes.
 * @throws the error of the listing itself
 */
export function namesNow(folder: string, traits: ListingTraits = {}): Name[] {
  try {
    const entries = traits.kinds === false ? undefined : fs.readdirSync(folder, TYPED)
    if (entries) return decoded(entries, traits) ?? decodeNames(fs.readdirSync(folder, TYPED_BYTES))
  } catch (error) {
    if (isOfListing(error)) throw error
  }
  traits.kinds = false
  const names = fs.readdirSync(folder, BYTES).map((bytes) => {
    try {
      return nameOf(bytes, kindOf(fs.lstatSync(pathOf(folder, bytes))))
    } catch (error) {
      return withoutKind(bytes, error)
    }
  })
  return names.some(hasGone) ? stillListed(names, fs.readdirSync(folder, BYTES)) : names
}

const readdir = promisify(fs.readdir)
const lstat = promisify(fs.lstat)

/** The same, with calls that go through the gate of a base. */
export async function namesSlowly(
  folder: string,
  gate: <T>(call: () => Promise<T>) => Promise<T>,
  traits: ListingTraits = {}
): Promise<Name[]> {
  try {
    const entries = traits.kinds === false ? undefined : await gate(() => readdir(folder, TYPED))
    if (entries)
      return decoded(entries, traits) ?? decodeNames(await gate(() => readdir(folder, TYPED_BYTES)))
  } catch (error) {
    if (isOfListing(error)) throw error
  }
  traits.kinds = false
  const names = await gate(() => readdir(folder, BYTES))
  const found = await Promise.all(
    names.map(async (bytes) => {
      try {
        return nameOf(bytes, kindOf(await gate(() => lstat(pathOf(folder, bytes)))))
      } catch (error) {
        return withoutKind(bytes, error)
      }
    })
  )
  return found.some(hasGone) ? stillListed(found, await gate(() => readdir(folder, BYTES))) : found
}

/** Whether an error is that of the listing, and not of a stat that Node added to it. */
function isOfListing(error: unknown): boolean {
  return (error as { syscall?: unknown }).syscall !== 'lstat'
}

function withoutKind(bytes: Buffer, error: unknown): Name {
  if (faultCode(error) === undefined) throw error
  return { ...nameOf(bytes, 'unknown'), fault: error }
}

function hasGone({ fault }: Name): boolean {
  return fault !== undefined && isMissing(fault)
}

/** A name that has gone since it was listed is none; one that is listed again is there, whatever its stat says. */
function stillListed(names: readonly Name[], again: readonly Buffer[]): Name[] {
  const listed = new Set(again.map((bytes) => nameOf(bytes, 'unknown').name))
  return names.filter((name) => !hasGone(name) || listed.has(name.name))
}

function pathOf(folder: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder === '/' ? '/' : `${folder}/`), name])
}

/** @returns undefined where a name may not be UTF-8: a bad byte is decoded as U+FFFD, which may also stand in a good name */
function decoded(entries: fs.Dirent[], traits: ListingTraits): Name[] | undefined {
  const names: Name[] = []
  for (const entry of entries) {
    if (entry.name.includes('\ufffd')) return undefined
    names.push({ name: entry.name, kind: kindOf(entry) })
  }
  // Entries whose kind Node had to ask for are of a class of their own.
  if (entries[0]) traits.kinds = Object.getPrototypeOf(entries[0]) === fs.Dirent.prototype
  return names
}

function decodeNames(entries: fs.Dirent[]): Name[] {
  return entries.map((entry) => nameOf(entry.name as unknown as Buffer, kindOf(entry)))
}

function nameOf(bytes: Buffer, kind: Kind): Name {
  return isUtf8(bytes)
    ? { name: bytes.toString('utf8'), kind }
    : { name: showBytes(bytes), kind, invalid: true }
}

/** A name whose bytes are not UTF-8, each bad byte shown as `\xNN`. */
export function showBytes(bytes: Buffer): string {
  let shown = ''
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)))
    shown += length ? bytes.toString('utf8', at, at + length) : `\\x${bytes.toString('hex', at, at + 1)}`
    at += length ?? 1
  }
  return shown
}

function kindOf(entry: fs.Dirent | fs.Stats): Kind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

/** Each name once: a listing may tell one twice. A name that is no UTF-8 may be shown as another one is written. */
export function eachOnce(names: readonly Name[]): readonly Name[] {
  const keys = new Set<string>()
  for (const { name, invalid } of names) keys.add(invalid ? `/${name}` : name)
  if (keys.size === names.length) return names
  return names.filter(({ name, invalid }) => keys.delete(invalid ? `/${name}` : name))
}
