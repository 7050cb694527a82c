import { byId, make, setText } from './dom.js'
import { numbered } from './words.js'

interface Choice {
  element: HTMLLabelElement
  box: HTMLInputElement
  count: HTMLElement
}

/** So many choices are offered; what is chosen is always among them. */
const MOST_OFFERED = 30

/** What can be chosen of one kind, with how many reports each would show; the most first. */
export class Choices {
  readonly #fieldset: HTMLElement
  readonly #more = make('p')
  readonly #choose: (chosen: string[]) => void
  readonly #choices = new Map<string, Choice>()
  #chosen: readonly string[] = []

  constructor(id: string, choose: (chosen: string[]) => void) {
    this.#fieldset = byId(id, HTMLElement)
    this.#choose = choose
  }

  show(counts: ReadonlyMap<string, number>, chosen: readonly string[]): void {
    this.#chosen = chosen
    const all = [...new Set([...counts.keys(), ...chosen])].toSorted(
      (a, b) =>
        Number(chosen.includes(b)) - Number(chosen.includes(a)) ||
        (counts.get(b) ?? 0) - (counts.get(a) ?? 0) ||
        (a < b ? -1 : 1)
    )
    const offered = all.slice(0, Math.max(MOST_OFFERED, chosen.length))
    for (const [name, { element }] of this.#choices) {
      if (offered.includes(name)) continue
      element.remove()
      this.#choices.delete(name)
    }
    let before: Element = this.#fieldset.querySelector('legend') as Element
    for (const name of offered) {
      const choice = this.#choices.get(name) ?? this.#make(name)
      choice.box.checked = chosen.includes(name)
      setText(choice.count, numbered(counts.get(name) ?? 0))
      // A box that has the focus is not moved, or it would lose it.
      if (before.nextElementSibling !== choice.element && !choice.element.contains(document.activeElement))
        before.after(choice.element)
      before = choice.element
    }
    setText(
      this.#more,
      all.length > offered.length ? `and ${numbered(all.length - offered.length)} more: search for them` : ''
    )
    this.#fieldset.append(this.#more)
  }

  #make(name: string): Choice {
    const box = make('input')
    box.type = 'checkbox'
    const count = make('b')
    const text = make('span', '', make('bdi', '', name))
    text.title = name
    const element = make('label', '', box, text, count)
    box.addEventListener('change', () =>
      this.#choose(box.checked ? [...this.#chosen, name] : this.#chosen.filter((each) => each !== name))
    )
    const choice = { element, box, count }
    this.#choices.set(name, choice)
    return choice
  }
}
