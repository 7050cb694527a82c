import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { temporaryFolder } from './ending.js'
import { freePort, listening, type Server } from './others.js'
import { endGroup, start } from './process.js'
import { has, skip } from './tools.js'

/** nginx with the bytes as static files; nothing where it is not installed. */
export async function serveNginx(bytes: Buffer): Promise<Server[]> {
  if (!has('nginx')) {
    skip('nginx', 'it is not installed')
    return []
  }
  const root = join(temporaryFolder(), 'nginx')
  mkdirSync(root)
  writeFileSync(join(root, 'reports-index'), bytes)
  writeFileSync(join(root, 'reports-index.gz'), gzipSync(bytes))
  const port = await freePort()
  const file = join(root, 'nginx.conf')
  writeFileSync(file, configuration(root, port))
  const child = start('nginx', ['-c', file, '-e', 'stderr'])
  child.stderr?.resume()
  await listening(port)
  return [{ name: 'nginx', port, pid: child.pid as number, stop: () => endGroup(child) }]
}

function configuration(root: string, port: number): string {
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `worker_processes 1; daemon off; pid ${root}/pid; error_log stderr; ${user}
events {}
http {
  access_log off; default_type application/json; gzip_static on; keepalive_requests 1000000;
  client_body_temp_path ${root}/1; proxy_temp_path ${root}/2; fastcgi_temp_path ${root}/3; uwsgi_temp_path ${root}/4;
  scgi_temp_path ${root}/5; open_file_cache max=10;
  server { listen 127.0.0.1:${port}; root ${root}; }
}`
}
