// Makes the named files executable: the compiler does not, and a checkout's `npx reports-index` wants it.
import { chmodSync } from 'node:fs'

for (const file of process.argv.slice(2)) chmodSync(file, 0o755)
