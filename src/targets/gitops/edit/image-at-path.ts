/** An image at a path, as Helm values have it: one text, or `repository`, `tag` and `digest` by themselves. */
import { isDigest } from '../../../model/index.ts'
import { assertOwn, findNode, mergedKey, refuseAlias, refuseMerged } from './find.ts'
import { type ImageName, imageText, parseImageName, type WantedImage } from './image-name.ts'
import { type LocatedMap, type LocatedNode, type LocatedText, type Outline, pairOf, textUnder } from './located.ts'
import type { ImageAtPath } from './place.ts'
import { refuseAt } from './refusal.ts'
import { replaceScalar, type Splice } from './splice.ts'
import { assertReplaceable } from './write-scalar.ts'

export function editImageAtPath(file: LocatedText, outline: Outline, place: ImageAtPath, image: WantedImage): Splice[] {
  const trail = findNode(file, place.document, place.path)
  assertOwn(file, trail)
  const node = trail.nodes.at(-1)
  if (node?.kind === 'scalar') return editText(file, outline, node, image)
  if (node?.kind !== 'map') return notAnImage(file, node)
  const own = (value: LocatedNode) => assertOwn(file, { ...trail, nodes: [...trail.nodes, value] })
  return editParts(file, outline, node, image, own)
}

export function imageAtPath(file: LocatedText, place: ImageAtPath): ImageName {
  const node = findNode(file, place.document, place.path).nodes.at(-1)
  if (node?.kind === 'map') return partsOf(node)
  if (node?.kind !== 'scalar') return notAnImage(file, node)
  if (node.value === null || node.value === '') return { repository: '', tag: null, digest: null }
  return parseImageName(String(node.value)) ?? notAnImage(file, node)
}

function editText(file: LocatedText, outline: Outline, node: LocatedNode & { kind: 'scalar' }, image: WantedImage) {
  assertReplaceable(file, node)
  const repository = image.repository ?? currentRepository(file, node, image.origin)
  const splice = replaceScalar(file, outline, node, imageText(repository, image.digest))
  return splice === null ? [] : [splice]
}

function currentRepository(file: LocatedText, node: LocatedNode & { kind: 'scalar' }, origin: string | null): string {
  if (node.value === null || node.value === '') {
    if (origin !== null) return origin
    refuseAt(file, node.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: 'no image stands here yet, and nothing says which repository it is pulled from',
      hint: 'Write the image here once, or push artifacts to a registry.',
    })
  }
  return parseImageName(String(node.value))?.repository ?? notAnImage(file, node)
}

function editParts(
  file: LocatedText,
  outline: Outline,
  map: LocatedMap,
  { digest, repository }: WantedImage,
  own: (value: LocatedNode) => void,
): Splice[] {
  const put = (key: string, wanted: string): Splice[] => {
    const value = pairOf(map, key)?.value
    if (value === undefined) return []
    if (value.kind === 'alias') refuseAlias(file, value, key)
    own(value)
    const splice = replaceScalar(file, outline, value, wanted)
    return splice === null ? [] : [splice]
  }
  const moved = repository === null ? [] : put('repository', repository)
  if (pairOf(map, 'digest') !== undefined) return [...moved, ...put('digest', digest)]
  // A chart that joins repository and tag pulls `repository:tag@digest` by the digest; the tag before it says the same.
  if (pairOf(map, 'tag') !== undefined) return [...moved, ...put('tag', tagWithDigest(digest))]
  const merged = mergedKey(map)
  if (merged !== undefined) refuseMerged(file, merged.start, 'digest')
  refuseAt(file, map.start, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: 'here is neither `digest` nor `tag` to put an image into',
    hint: 'Add `digest: ""` where the chart reads one, else `tag: ""`; or name the path of an image written as one text.',
  })
}

const tagWithDigest = (digest: string): string => `${digest.slice('sha256:'.length, 'sha256:'.length + 12)}@${digest}`

function partsOf(map: LocatedMap): ImageName {
  const repository = textUnder(map, 'repository') ?? ''
  const digest = textUnder(map, 'digest')
  const [tag = '', tagged] = (textUnder(map, 'tag') ?? '').split('@')
  const found = digest || tagged || ''
  return { repository, tag: tag === '' ? null : tag, digest: isDigest(found) ? found : null }
}

function notAnImage(file: LocatedText, node: LocatedNode | undefined): never {
  refuseAt(file, node?.start ?? 0, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence:
      'here stands no image: neither `repository[:tag][@digest]` nor a map with `repository`, `tag` or `digest`',
    hint: 'Name the path of the image itself.',
  })
}
