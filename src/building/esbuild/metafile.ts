/** Pure: what esbuild says that it read. */
import * as z from 'zod'

const schema = z.object({ inputs: z.record(z.string(), z.unknown()) })

export type Metafile = z.output<typeof schema>

export const parseMetafile = (text: string): Metafile => schema.parse(JSON.parse(text))

/**
 * What was bundled from outside the build directory. All that is in there counts into the input hash, by itself or
 * through what `prepare` and `needs` made; a file from anywhere else would change the bundle, and nobody would see why.
 */
export const bundledFromOutside = ({ inputs }: Metafile): string[] =>
  Object.keys(inputs)
    .filter((path) => path.startsWith('../') || path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path))
    .sort()
