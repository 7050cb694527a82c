import type { Changed, Changes } from '../schemas/changes.js'
import type { Listing } from '../schemas/listing.js'
import { badAnswer } from './errors.js'

/*
 * Something else may answer at the service's address: a proxy, a login page. These tell by the parts that are used.
 */

type Parts = Record<string, unknown>

const isText = (value: unknown) => typeof value === 'string'

export function isListing(answer: object): answer is Listing {
  const { total, reports } = answer as Parts
  return typeof total === 'number' && Array.isArray(reports)
}

export function isChanges(answer: object): answer is Changes {
  const { from, to, upserted, removed } = answer as Parts
  return isText(from) && isText(to) && Array.isArray(upserted) && Array.isArray(removed)
}

export function isChanged(answer: object): answer is Changed {
  const { etag, count } = answer as Parts
  return isText(etag) && typeof count === 'number'
}

/**
 * What was answered, as what it has to be.
 * @throws ReportsIndexError with the code `RI_CLIENT_BAD_ANSWER`
 */
export function checked<T extends object>(answer: unknown, isSo: (answer: object) => answer is T): T {
  if (typeof answer === 'object' && answer !== null && isSo(answer)) return answer
  throw badAnswer(200, 'the answer is none of reports-index')
}
