// Starts the built program on a given Node, asks for the samples, rebuilds, and stops it: smoke.mjs [NODE]
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const node = process.argv[2] ?? process.execPath
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'reports-index-'))
const service = spawn(
  node,
  [cli, 'serve', '--port', '0', '--manifest', join(folder, 'm.json'), '--log-level', 'warn'],
  {
    stdio: ['ignore', 'pipe', 'inherit']
  }
)
const ended = new Promise((resolve) => service.on('exit', (code, signal) => resolve(code ?? signal)))

try {
  const url = await new Promise((resolve, reject) => {
    service.stdout.on('data', (data) => {
      const found = /listening on (\S+)/.exec(String(data))
      if (found) resolve(found[1])
    })
    service.on('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
  const { count } = await (await fetch(`${url}/reports-index`)).json()
  const rebuilt = await (await fetch(`${url}/rebuild`, { method: 'POST' })).json()
  const { status } = await (await fetch(`${url}/health?strict=true`)).json()
  service.kill('SIGTERM')
  const code = await ended
  if (count < 30 || rebuilt.count !== count || status !== 'ok' || code !== 0) {
    throw new Error(`count ${count}, rebuilt ${rebuilt.count}, status ${status}, exit ${code}`)
  }
  const version = String(execFileSync(node, ['-v'])).trim()
  process.stdout.write(`smoke: ${count} reports listed and rebuilt on ${version}\n`)
} finally {
  service.kill('SIGKILL')
  rmSync(folder, { recursive: true })
}
