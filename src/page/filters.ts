/** What is filtered by, as it stands in the page's address. Lists are empty where anything will do, texts likewise. */
export interface Filters {
  q: string
  base: readonly string[]
  type: readonly string[]
  /** Days, `YYYY-MM-DD`. */
  from: string
  to: string
}

export const NO_FILTERS: Filters = { q: '', base: [], type: [], from: '', to: '' }

const DAY = /^\d{4}-\d{2}-\d{2}$/

/** Filters from a query; what is no filter is passed over. */
export function filtersIn(query: string): Filters {
  const params = new URLSearchParams(query)
  const day = (name: string) => {
    const text = params.get(name) ?? ''
    return DAY.test(text) ? text : ''
  }
  return {
    q: params.get('q') ?? '',
    base: [...new Set(params.getAll('base'))],
    type: [...new Set(params.getAll('type'))],
    from: day('from'),
    to: day('to')
  }
}

/** The query that says the same; empty, or with its question mark. The service's own listing takes it, too. */
export function queryOf({ q, base, type, from, to }: Filters): string {
  const params = new URLSearchParams()
  if (q.trim() !== '') params.set('q', q)
  for (const each of base) params.append('base', each)
  for (const each of type) params.append('type', each)
  if (from !== '') params.set('from', from)
  if (to !== '') params.set('to', to)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

/** How many kinds of filters are set, the search aside. */
export function filtersSet({ base, type, from, to }: Filters): number {
  return [base.length > 0, type.length > 0, from !== '' || to !== ''].filter(Boolean).length
}
