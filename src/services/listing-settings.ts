import type { BaseCount, ListingSettings } from '../schemas/manifest.js'
import type { SettingName } from '../schemas/settings.js'
import { digestOf } from './etag.js'
import { type Settings, wordsOf } from './settings.js'

/** The settings that shape a listing, beside its bases. */
const SHAPING = ['include', 'exclude', 'maxDrop'] as const satisfies readonly SettingName[]

/** What a manifest says of the settings that it was made with: digests, so that no pattern is told. */
export function listingSettingsOf(settings: Pick<Settings, (typeof SHAPING)[number]>): ListingSettings {
  let made = digests.get(settings)
  if (!made) {
    made = Object.fromEntries(
      SHAPING.map((name) => [name, digestOf(JSON.stringify(settings[name])).slice(0, 16)])
    )
    digests.set(settings, made)
  }
  return made
}

/** Made once: health asks for them each time. */
const digests = new WeakMap<object, ListingSettings>()

/** What a manifest's head says of how it was made. */
export interface Made {
  bases: readonly Pick<BaseCount, 'name' | 'count'>[]
  settings?: ListingSettings | undefined
}

/**
 * How the settings of this process differ from those that a manifest was made with, in sentences for an operator.
 * @param names of this process' bases
 */
export function otherSettings(
  { bases, settings }: Made,
  names: readonly string[],
  own: ListingSettings
): string[] {
  const others = bases.filter(({ name }) => !names.includes(name))
  const changed = SHAPING.filter((name) => settings?.[name] !== undefined && settings[name] !== own[name])
  return [
    ...others.map(
      ({ name, count }) =>
        `the manifest holds the base ${name}, which is none of the bases here: its ${count} reports stay listed; to ` +
        `take them away, run reports-index build --forget-base ${name}`
    ),
    ...changed.map((name) => {
      const { env, flag } = wordsOf(name)
      return `the manifest was made with another ${env} (--${flag})`
    })
  ]
}
