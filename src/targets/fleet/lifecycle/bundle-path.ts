import { join, relative } from 'node:path'

/** Where a path of an appspec is in the unpacked artifact; null: it leads out of it. */
export function bundlePath(bundle: string, path: string): string | null {
  const place = join(bundle, path)
  return relative(bundle, place).startsWith('..') ? null : place
}
