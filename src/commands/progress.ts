import type { Progress } from '../schemas/rebuild.js'

/** A build that takes longer tells how far it has come, off a terminal, so often; milliseconds. */
const PLAIN_MS = 10_000

/** Shows how far a build has come. */
export interface ProgressShown {
  tell(progress: Progress): void
  end(): void
}

/** On a terminal a bar for each base, elsewhere a line now and then; both on standard error. */
export async function showProgress(): Promise<ProgressShown> {
  return process.stderr.isTTY ? await bars() : lines()
}

function lines(): ProgressShown {
  let toldAt = performance.now()
  return {
    tell({ step, bases }) {
      if (performance.now() - toldAt < PLAIN_MS) return
      toldAt = performance.now()
      const parts = bases.map(({ name, files, read }) => `${name} ${files} looked at, ${read} read`)
      process.stderr.write(`${step}: ${parts.join('; ')}\n`)
    },
    end() {}
  }
}

interface Payload {
  name: string
  base: Progress['bases'][number]
  step: string
}

async function bars(): Promise<ProgressShown> {
  // What measures texts takes longer to load than a small build takes.
  const [{ default: cliProgress }, { cutTo }] = await Promise.all([
    import('cli-progress'),
    import('./terminal.js')
  ])
  const began = performance.now()
  const shown = new cliProgress.MultiBar(
    {
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      linewrap: false,
      format: (_options, _params, payload: Payload) =>
        cutTo(barLine(payload, performance.now() - began), (process.stderr.columns || 80) - 1)
    },
    cliProgress.Presets.shades_classic
  )
  const all = new Map<string, ReturnType<typeof shown.create>>()
  return {
    tell({ step, bases: each }) {
      const bases = each.length < (process.stderr.rows || 24) ? each : [together(each)]
      const width = Math.max(...bases.map(({ name }) => name.length))
      for (const base of bases) {
        const payload: Payload = { name: base.name.padEnd(width), base, step }
        const bar = all.get(base.name)
        if (bar) bar.update(base.files, payload)
        else all.set(base.name, shown.create(Math.max(1, base.expected ?? 1), base.files, payload))
      }
    },
    end() {
      if (shown.isActive) shown.stop()
    }
  }
}

/** All bases as one, where there are more of them than the terminal has rows. */
function together(bases: Progress['bases']): Progress['bases'][number] {
  const sum = (of: (base: Progress['bases'][number]) => number) =>
    bases.reduce((all, base) => all + of(base), 0)
  return {
    name: `${bases.length} bases`,
    folders: sum(({ folders }) => folders),
    files: sum(({ files }) => files),
    read: sum(({ read }) => read),
    expected: sum(({ expected = 0 }) => expected)
  }
}

const BAR_WIDTH = 24
const EIGHTHS = ' ▏▎▍▌▋▊▉█'

/** One base's line: how many of its reports were looked at, how many read, and how long the rest may take. */
export function barLine(
  { name, base: { files, read, expected = 0 }, step }: Payload,
  elapsedMs: number
): string {
  const counts = `${files} looked at, ${read} read`
  if (expected === 0 || step === 'load') return `${name}  ${counts}`
  const done = step === 'scan' ? Math.min(1, files / expected) : 1
  const full = Math.floor(done * BAR_WIDTH)
  const part = full < BAR_WIDTH ? EIGHTHS[Math.floor((done * BAR_WIDTH - full) * 8)] : ''
  const bar = `${'█'.repeat(full)}${part}`.padEnd(BAR_WIDTH)
  const left = step === 'scan' && done > 0.02 && done < 1 ? `, ${secondsLeft(done, elapsedMs)} s left` : ''
  return `${name}  ▕${bar}▏ ${String(Math.floor(done * 100)).padStart(3)} %  ${counts}${left}`
}

function secondsLeft(done: number, elapsedMs: number): number {
  return Math.ceil((elapsedMs * (1 - done)) / done / 1000)
}
