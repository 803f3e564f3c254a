/** Containers of plain manifests, by the repository of their image: in Pods, Deployments, CronJobs, and what embeds them. */
import { assertOwn, refuseAlias, type Trail } from './find.ts'
import { type ImageName, imageText, parseImageName, type WantedImage } from './image-name.ts'
import {
  keyOf,
  type LocatedMap,
  type LocatedNode,
  type LocatedScalar,
  type LocatedText,
  type Outline,
  pairOf,
} from './located.ts'
import type { ContainerImages } from './place.ts'
import { replaceScalar, type Splice } from './splice.ts'

export function editContainerImages(
  file: LocatedText,
  outline: Outline,
  place: ContainerImages,
  image: WantedImage,
): { splices: Splice[]; matches: number } {
  const found = findContainers(file, place)
  const splices = found.flatMap(({ trail, node, name }) => {
    assertOwn(file, trail)
    // The repository is what it is found by the next time: it stays.
    return replaceScalar(file, outline, node, imageText(name.repository, image.digest)) ?? []
  })
  return { splices, matches: found.length }
}

export const containerImages = (file: LocatedText, place: ContainerImages): ImageName[] =>
  findContainers(file, place).map(({ name }) => name)

export const containerExtents = (file: LocatedText, place: ContainerImages): Array<{ start: number; end: number }> =>
  findContainers(file, place).map(({ node }) => node)

type Found = { trail: Trail; node: LocatedScalar; name: ImageName }

const lists = new Set(['containers', 'initContainers'])

function findContainers(file: LocatedText, { repository }: ContainerImages): Found[] {
  const found: Found[] = []
  for (const document of file.documents) {
    const look = (container: LocatedMap, above: LocatedNode[]) => {
      const value = pairOf(container, 'image')?.value
      if (value === undefined) return
      const node = value.kind === 'alias' ? document.anchored.get(value.name) : value
      if (node?.kind !== 'scalar' || typeof node.value !== 'string') return
      const name = parseImageName(node.value)
      if (name === null || !isMeant(name.repository, repository)) return
      if (value.kind === 'alias') refuseAlias(file, value, 'image')
      found.push({ trail: { document, nodes: [...above, container, node] }, node, name })
    }
    const walk = (node: LocatedNode, above: LocatedNode[]) => {
      const here = [...above, node]
      if (node.kind === 'list') for (const item of node.items) walk(item, here)
      if (node.kind !== 'map') return
      for (const pair of node.pairs) {
        if (lists.has(keyOf(pair) ?? '') && pair.value.kind === 'list') {
          for (const item of pair.value.items) if (item.kind === 'map') look(item, [...here, pair.value])
        }
        walk(pair.value, here)
      }
    }
    if (document.root !== null) walk(document.root, [])
  }
  return found
}

/** A name without a slash means the image's own name, wherever it is pulled from. */
const isMeant = (repository: string, wanted: string): boolean =>
  repository === wanted || (!wanted.includes('/') && repository.endsWith(`/${wanted}`))
