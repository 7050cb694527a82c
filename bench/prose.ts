import type { Random } from './random.js'

const WORDS =
  'system report index manifest build latency cache file folder scan token schema request worker queue deploy error change review owner action metric weekly summary finding risk open closed next step signal threshold mount retry budget the of and for with over under before'.split(
    ' '
  )
const FOREIGN = ['naïve', 'café', 'Übersicht', 'données', '日報', 'проверка', 'résumé', 'größer']
const TYPES = ['audit', 'report', 'plan', 'review', 'postmortem', 'digest', 'spec', 'note']
/** A share of titles has a word that is not ASCII. */
const FOREIGN_TITLES = 0.15

export interface Facts {
  title: string
  day: string
  type: string
}

function words(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.pick(WORDS)).join(' ')
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)

export function facts(random: Random, index: number, day: string): Facts {
  const foreign = random.chance(FOREIGN_TITLES) ? ` ${random.pick(FOREIGN)}` : ''
  const title = `${capital(words(random, 2 + random.below(4)))}${foreign} ${index}`
  return { title, day, type: random.pick(TYPES) }
}

/** Paragraphs to choose from: made once, since making each anew would take most of the time. */
export function paragraphs(random: Random): string[] {
  const sentence = () => `${capital(words(random, 6 + random.below(14)))}.`
  return Array.from({ length: 400 }, () => {
    const kind = random.next()
    if (kind < 0.1) return `## ${capital(words(random, 3))}\n\n`
    if (kind < 0.2) return `- ${sentence()}\n- ${sentence()}\n- ${sentence()}\n\n`
    if (kind < 0.25) return '```sh\n# not a heading\nls -l\n```\n\n'
    return `${sentence()} ${sentence()} ${capital(random.pick(FOREIGN))} ${sentence()}\n\n`
  })
}

function upTo(length: number, random: Random, from: readonly string[]): string {
  let text = ''
  while (text.length < length) text += random.pick(from)
  return text
}

const plainBlock = ({ title, day, type }: Facts) =>
  `---\ntitle: ${title}\ndate: ${day}\ntype: ${type}\n---\n\n`

const richBlock = ({ title, day, type }: Facts) =>
  `---\n# made by the weekly job\ntitle: >-\n  ${title},\n  in two lines\ndate: "${day}T07:30:00+02:00"\ntype: '${type}'\n` +
  `tags:\n  - weekly\n  - "${type}"\nowner: {name: Ana, role: lead}\nabstract: |\n  First line.\n  Second line.\n---\n\n`

/** A text of Markdown: of 100, 70 have plain front matter, 10 rich YAML, 15 a heading alone, 5 nothing. */
export function markdown(random: Random, told: Facts, length: number, from: readonly string[]): string {
  const kind = random.next()
  const body = upTo(length, random, from)
  if (kind < 0.7) return `${plainBlock(told)}# ${told.title}\n\n${body}`
  if (kind < 0.8) return `${richBlock(told)}${body}`
  if (kind < 0.95) return `# ${told.title}\n\n${body}`
  return body
}

export function html(random: Random, { title, day, type }: Facts, length: number, from: readonly string[]) {
  const body = upTo(length, random, from).replaceAll('\n\n', '</p>\n<p>')
  return (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n' +
    `<meta name="date" content="${day}">\n<meta name="report-type" content="${type}">\n<title>${title}</title>\n` +
    `</head>\n<body>\n<h1>${title}</h1>\n<p>${body}</p>\n</body>\n</html>\n`
  )
}

export function plainText(random: Random, { title }: Facts, length: number, from: readonly string[]): string {
  return `${title}\n\n${upTo(length, random, from)}`
}
