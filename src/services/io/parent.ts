import type { FromChild, Talk, ToChild } from './child.js'

/** So often a process that owes an answer says that it is alive, in milliseconds. */
const ALIVE_MS = 500

/** The other end of a `Child`: makes this process one that answers its parent, and ends with it. */
export function answerParent<T extends Talk>(
  answer: (question: T['question']) => Promise<T['answer']>,
  hear: (word: T['told']) => void
): (word: T['said']) => void {
  const say = (message: FromChild<T>) => process.send?.(message, undefined, {}, () => {})
  let owed = 0
  let pulse: NodeJS.Timeout | undefined
  const beat = (change: 1 | -1) => {
    owed += change
    clearInterval(pulse)
    if (owed > 0) pulse = setInterval(() => say({ alive: true }), ALIVE_MS)
  }
  process.on('message', (message: ToChild<T>) => {
    if ('word' in message) {
      hear(message.word)
      return
    }
    const { id, question } = message
    beat(1)
    answer(question)
      .then(
        (given) => say({ id, answer: given }),
        (error: Error) => say({ id, failure: error.message })
      )
      .finally(() => beat(-1))
  })
  // An orderly exit would wait for file calls that may never be answered.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.on('SIGINT', () => {}) // a terminal sends it to both; the parent decides
  return (word) => say({ word })
}
