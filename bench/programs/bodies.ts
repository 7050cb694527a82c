import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Body {
  path: string
  etag: string
  bytes: Buffer
}

export interface Coded {
  etag: string
  identity: Buffer
  gzip: Buffer
}

/** What the servers that are compared with answer, by path; lazily in gzip, so that it only counts where it is asked for. */
export function readBodies(folder: string): Map<string, Coded> {
  const told = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    path: string
    etag: string
    file: string
  }[]
  return new Map(
    told.map(({ path, etag, file }) => {
      let gzip: Buffer | undefined
      return [
        path,
        {
          etag,
          identity: readFileSync(join(folder, file)),
          get gzip() {
            gzip ??= readFileSync(join(folder, `${file}.gz`))
            return gzip
          }
        }
      ]
    })
  )
}
