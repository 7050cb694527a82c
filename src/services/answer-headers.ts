/** Headers of every answer: no page of another site embeds it, and no browser guesses its type. */
export const SAFE_HEADERS = {
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff'
} as const

/** Headers of an error, which is not to be kept: a report that is asked for too early is not missing for ever. */
export const ERROR_HEADERS = { ...SAFE_HEADERS, 'cache-control': 'no-store' } as const

/** Seconds after which a refused request is worth another try. */
export const RETRY_AFTER = '5'
