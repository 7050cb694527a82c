import { Kind, type SchemaOptions, Type, TypeRegistry } from '@sinclair/typebox'

TypeRegistry.Set<{ enum: readonly string[] }>('OneOf', (schema, value) =>
  schema.enum.includes(value as string)
)

/** One of some words; described as a plain `enum`, where a union of literals would be described as many types. */
export function OneOf<const T extends string>(words: readonly T[], options: SchemaOptions = {}) {
  return Type.Unsafe<T>({ [Kind]: 'OneOf', type: 'string', enum: [...words], ...options })
}
