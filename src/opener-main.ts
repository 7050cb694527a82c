import { readMounts } from './scan/mounts.js'
import { ReportFiles } from './scan/report-files.js'
import { answerParent } from './services/io/parent.js'
import type { OpenerTalk, ToldOpener } from './services/opener-messages.js'
import { makeSelect } from './services/select.js'
import type { Settings } from './services/settings.js'

/** A process that opens reports for the service, which must not touch a base. */

let files: ReportFiles | undefined

function furnish({ bases, include, exclude, timeoutMs }: Settings): ReportFiles {
  const select = makeSelect(include, exclude)
  return new ReportFiles({ bases, select, timeoutMs, now: () => Date.now(), mounts: readMounts })
}

answerParent<OpenerTalk>(
  async (question) => {
    if (!files) throw new Error('no settings yet')
    if (question.type === 'open') return await files.open(question.base, question.rel)
    return await files.read(question.handle, question.from, question.length)
  },
  (word: ToldOpener) => {
    if (word.type === 'settings') files = furnish(word.settings)
    else files?.close(word.handle)
  }
)
