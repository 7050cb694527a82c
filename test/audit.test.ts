import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { plant, scratch } from './support.js'

const AUDIT = fileURLToPath(new URL('../scripts/audit.js', import.meta.url))

t.test('known holes of level high fail the check; a registry that does not answer is told', async (t) => {
  const found = (severity: string) => JSON.stringify({ vulnerabilities: { bad: { name: 'bad', severity } } })
  const answers: [string, number, RegExp][] = [
    ['{"vulnerabilities":{}}', 0, /^npm audit: no known holes\n$/],
    [found('moderate'), 0, /^npm audit: bad \(moderate\)\n$/],
    [found('high'), 1, /^npm audit: bad \(high\)\n$/],
    [found('critical'), 1, /bad \(critical\)/],
    [
      '{"message":"405 Method Not Allowed - POST https://registry.example/","error":{}}',
      0,
      /^npm audit: the registry does not tell of known holes \(405 Method Not Allowed\); not checked\n$/
    ],
    ['', 0, /\(no answer\); not checked\n$/],
    ['<html>', 0, /not checked/],
    ['null', 0, /not checked/]
  ]
  const folder = scratch(t)
  for (const [answer, status, line] of answers) {
    plant(folder, { answer, npm: `#!/bin/sh\ncat '${join(folder, 'answer')}'\nexit 1\n` })
    chmodSync(join(folder, 'npm'), 0o755)
    const PATH = `${folder}:${process.env['PATH']}`
    const words = ['-u', 'NODE_OPTIONS', process.execPath, AUDIT]
    const ran = spawnSync('env', words, { encoding: 'utf8', env: { ...process.env, PATH } })
    t.match(ran, { status, stdout: line, stderr: '' }, answer)
  }
})
