// Makes one file of the page: markup, style and script, with nothing to load behind it. page.mjs FOLDER
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src/page')

/**
 * Writes `page.html` into a folder.
 * @returns the files that it is made of, from the project's root
 */
export async function makePage(folder) {
  const inputs = []
  const bundled = async (name) => {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: [join(source, name)],
      bundle: true,
      minify: true,
      write: false,
      metafile: true,
      format: 'esm',
      target: ['chrome111', 'firefox115', 'safari16.4'],
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'warning'
    })
    inputs.push(...Object.keys(metafile.inputs))
    return outputFiles[0].text.trim()
  }
  const parts = { style: await bundled('page.css'), 'script type="module"': await bundled('main.ts') }
  let page = readFileSync(join(source, 'page.html'), 'utf8')
  for (const [tag, text] of Object.entries(parts)) {
    if (text.includes(`</${tag.split(' ', 1)[0]}`)) throw new Error(`the ${tag} of the page ends itself`)
    page = page.replace(`<${tag}>`, () => `<${tag}>${text}`)
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'page.html'), page)
  return inputs
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await makePage(process.argv[2])
