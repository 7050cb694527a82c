#!/usr/bin/env node

// A signal counts from the first moment on, while the rest is still being loaded; the commands take over from here.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))

const { main } = await import('./main.js')
await main(process.argv.slice(2))
