/** Which files of a service are its manifests, and the objects in them. */
import picomatch from 'picomatch'
import { type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import { fillIn, usageError } from '../../../model/index.ts'
import { plainPath } from './kustomize.ts'
import { type Described, readManifests } from './read-manifests.ts'
import type { RenderRequest } from './render-request.ts'

export function describedObjects(
  patterns: readonly string[],
  { files, project, environment, service }: RenderRequest,
): KubernetesObject[] {
  const paths = new Set(
    patterns.flatMap((pattern) => {
      const wanted = fillIn(pattern, { project, environment, service })
      const found = pathsMatching(wanted, [...files.keys()])
      if (found.length > 0) return found
      throw usageError('MANIFEST_MISSING', `${service} is described by ${wanted}, and no manifest is there`, {
        hint: `files of a pattern or a folder end in ${endings.join(', ')}`,
      })
    }),
  )
  const decoder = new TextDecoder('utf-8', { ignoreBOM: false })
  return onlyOnce([...paths].flatMap((path) => readManifests(decoder.decode(files.get(path)), path)))
}

/** As kubectl takes them from a folder. */
const endings = ['.yaml', '.yml', '.json']

/** A file by its name, whatever that is; of folders and patterns, those that can be manifests. Sorted. */
export function pathsMatching(pattern: string, paths: readonly string[]): string[] {
  const plain = plainPath(pattern)
  if (paths.includes(plain)) return [plain]
  const isMatch = picomatch(plain, { dot: true })
  const isBelow = (path: string) => plain === '' || plain === '.' || path.startsWith(`${plain}/`)
  return paths
    .filter((path) => endings.some((ending) => path.endsWith(ending)) && (isBelow(path) || isMatch(path)))
    .sort()
}

function onlyOnce(described: readonly Described[]): KubernetesObject[] {
  const known = new Map<string, Described>()
  for (const each of described) {
    const key = keyOf(each.object)
    const first = known.get(key)
    if (first !== undefined) {
      const { file, line } = each.location
      throw usageError(
        'OBJECT_TWICE',
        `${file}:${line}: ${nameOf(each.object)} stands at ${first.location.file}:${first.location.line} already`,
        { location: each.location },
      )
    }
    known.set(key, each)
  }
  return [...known.values()].map(({ object }) => object)
}
