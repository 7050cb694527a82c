/*
 * naive-scan FOLDER FILE: what is written first when a listing is needed: each file read whole, one after the other,
 * its front matter by gray-matter.
 */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import matter from 'gray-matter'

interface Entry {
  path: string
  title: string
  mtime: string
  size: number
}

async function scan(folder: string, entries: Entry[]): Promise<Entry[]> {
  for (const each of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, each.name)
    if (each.isDirectory()) await scan(path, entries)
    else entries.push(await entryOf(path))
  }
  return entries
}

async function entryOf(path: string): Promise<Entry> {
  const { mtime, size } = await stat(path)
  const text = await readFile(path, 'utf8')
  return { path, title: titleOf(text) ?? path, mtime: mtime.toISOString(), size }
}

function titleOf(text: string): string | undefined {
  try {
    const told: unknown = matter(text, {}).data['title']
    if (typeof told === 'string') return told
  } catch {
    // no front matter that parses
  }
  return /^# (.+)$/m.exec(text)?.[1] ?? /<title>(.*?)<\/title>/.exec(text)?.[1]
}

const [folder = '.', file = 'listing.json'] = process.argv.slice(2)
await writeFile(file, JSON.stringify(await scan(folder, [])))
