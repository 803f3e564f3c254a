/** The configuration of an image: what a runtime starts, and which layers lie below. Pure; nothing in it varies by time. */
import * as z from 'zod'
import type { Digest, ImageRecipe } from '../../model/index.ts'
import type { ImagePlatform } from '../../ports/index.ts'

/** Of the base: read with care, members we do not know are left behind. */
const baseConfig = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: z.string().nullish(),
  config: z
    .object({
      User: z.string().nullish(),
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      StopSignal: z.string().nullish(),
    })
    .nullish(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(z.string()) }),
})
export type BaseConfig = z.infer<typeof baseConfig>

/** Throws an ordinary error that says what is wrong; the caller names the place. */
export const parseBaseConfig = (bytes: Uint8Array): BaseConfig =>
  baseConfig.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))

/** What an image says it is made for. */
export const platformOf = ({ os, architecture, variant }: BaseConfig): ImagePlatform => ({
  os,
  architecture,
  ...(variant && { variant }),
})

/** An empty image to begin with. */
export const scratchConfig = (platform: ImagePlatform): BaseConfig => ({
  ...platform,
  rootfs: { type: 'layers', diff_ids: [] },
})

/** The base's configuration with what the recipe says, and one more layer. */
export function imageConfig(base: BaseConfig, recipe: ImageRecipe, layer: Digest): unknown {
  const { entrypoint, command, env, labels, user, workdir } = recipe
  const from = base.config ?? {}
  return {
    architecture: base.architecture,
    os: base.os,
    ...(base.variant ? { variant: base.variant } : {}),
    // Always the same: an image made again from the same files has the same digest.
    created: '1970-01-01T00:00:00Z',
    config: withoutEmpty({
      User: user ?? from.User,
      Env: mergedEnv(from.Env ?? [], env),
      // As a Dockerfile's: a new entrypoint takes no command of the base.
      Entrypoint: entrypoint.length > 0 ? entrypoint : from.Entrypoint,
      Cmd: command.length > 0 ? command : entrypoint.length > 0 ? null : from.Cmd,
      WorkingDir: workdir ?? from.WorkingDir,
      Labels: { ...from.Labels, ...labels },
      ExposedPorts: from.ExposedPorts,
      StopSignal: from.StopSignal,
    }),
    rootfs: { type: 'layers', diff_ids: [...base.rootfs.diff_ids, layer] },
    history: [
      ...base.rootfs.diff_ids.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'base' })),
      { created: '1970-01-01T00:00:00Z', created_by: 'trunkline' },
    ],
  }
}

function mergedEnv(base: readonly string[], own: Readonly<Record<string, string>>): string[] {
  const kept = base.filter((entry) => !Object.hasOwn(own, entry.slice(0, entry.indexOf('='))))
  return [...kept, ...Object.entries(own).map(([name, value]) => `${name}=${value}`)]
}

function withoutEmpty(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => {
      if (value === null || value === undefined || value === '') return false
      return typeof value !== 'object' || Object.keys(value).length > 0
    }),
  )
}
