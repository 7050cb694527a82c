#!/usr/bin/env node

// A signal counts from the first moment on, while the rest is still being loaded; the commands take over from here.
// A service that is stopped has done its work, a build has not.
const code = ['build', 'list', 'verify'].includes(process.argv[2] ?? '') ? 1 : 0
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(code))

const { main } = await import('./main.js')
await main(process.argv.slice(2))
