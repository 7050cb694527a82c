/** The element of the page with an id, of a kind. */
export function byId<T extends Element>(id: string, kind: abstract new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new TypeError(`the page has no such element: ${id}`)
  return element
}

/** An element with a class and children; texts are text and never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  element.append(...children)
  return element
}

/** Sets a text where it is another; what is being read or selected is not touched. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
