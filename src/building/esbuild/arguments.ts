/** Pure: what esbuild is told. */
import { posix } from 'node:path'
import type { EsbuildRecipe } from '../../model/index.ts'

/** Unambiguous, whatever a `package.json` beside it says. */
const endings = { cjs: '.cjs', esm: '.mjs' } as const

/** `metafile`: where it writes down what it read and made. Paths of the repository count from the working directory. */
export function esbuildArguments(recipe: EsbuildRecipe, metafile: string): string[] {
  const { entries, to, format, target, external, sourcemap, minify, define, loader } = recipe
  return [
    ...Object.entries(entries).map(([name, path]) => `${name}=./${path}`),
    ...['--bundle', '--platform=node', '--tree-shaking=true', '--entry-names=[dir]/[name]'],
    ...[`--format=${format}`, `--target=${target}`, `--out-extension:.js=${endings[format]}`],
    ...[`--outdir=${posix.join('.', to)}`, `--metafile=${metafile}`],
    ...(sourcemap === 'none' ? [] : [`--sourcemap=${sourcemap}`]),
    ...(minify ? ['--minify'] : []),
    ...external.map((name) => `--external:${name}`),
    ...Object.entries(define).map(([name, value]) => `--define:${name}=${value}`),
    ...Object.entries(loader).map(([ending, kind]) => `--loader:${ending}=${kind}`),
    ...['--log-level=info', '--log-limit=0', '--color=false'],
  ]
}
