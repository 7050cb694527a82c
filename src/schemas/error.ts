import { type Static, Type } from '@sinclair/typebox'

/** Every answer of 400 and above. */
export const ErrorAnswer = Type.Object(
  {
    statusCode: Type.Integer({ examples: [400] }),
    code: Type.String({ description: 'Stable, for programs', examples: ['FST_ERR_VALIDATION'] }),
    error: Type.String({ description: "The status' name", examples: ['Bad Request'] }),
    message: Type.String({ description: 'For people', examples: ['unknown parameter "colour"'] })
  },
  { $id: 'Error', description: 'What went wrong', additionalProperties: false }
)
export type ErrorAnswer = Static<typeof ErrorAnswer>
