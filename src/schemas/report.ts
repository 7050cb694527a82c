import { type Static, Type } from '@sinclair/typebox'
import { OneOf } from './one-of.js'

/** The parameters of `GET /reports/{base}/{rel}`. */
export const ReportQuery = Type.Object(
  {
    view: Type.Optional(
      OneOf(['raw', 'rendered'], {
        default: 'raw',
        description: 'rendered: Markdown as a page; what is no Markdown is sent as it is'
      })
    )
  },
  { additionalProperties: false }
)
export type ReportQuery = Static<typeof ReportQuery>
