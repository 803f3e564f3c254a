/** The objects of a rendered chart, edited in its text: documents that do not change stay as helm wrote them. */
import { stringify } from 'yaml'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { failedError, type HelmDescription, type HelmImage } from '../../../model/index.ts'
import { inject, renameReferences } from '../render/deliver-variables.ts'
import { imagesOf, replaceImages, whatImages } from '../render/images.ts'
import { isMapping, readDocument } from '../render/read-manifests.ts'
import { clusterDescriptionOf, wantedImages } from '../render/render.ts'
import type { RenderRequest } from '../render/render-request.ts'
import { setStrategy } from '../render/rollout-strategy.ts'
import { variableObjects } from '../render/variables.ts'

/** Failed where the artifact of the service stands nowhere in it. */
export function editRendered(text: string, request: RenderRequest, { image }: HelmDescription): string {
  const edit = editFor(request)
  const seen: KubernetesObject[] = []
  const edited = text
    .split(documentStart)
    .map((part) => {
      const value = readDocument(part)
      if (!isObject(value)) return part
      seen.push(value)
      const [after] = edit([value])
      return after === undefined || after === value ? part : `${headOf(part)}${stringify(after, asKubectlReads)}`
    })
    .join('')
  if (!edited.includes(request.desired.artifact)) throw imageNowhere(request.service, image, imagesOf(seen))
  return edited
}

/** Three hyphens at the beginning of a line start a document wherever they stand. */
const documentStart = /^(?=---(?:\s|$))/m

/** Text that YAML 1.1 would take for something else is quoted. */
const asKubectlReads = { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false } as const

/** Its comments, in which helm says where it comes from. */
function headOf(part: string): string {
  const comments = part.split('\n').filter((line) => line.startsWith('# Source:'))
  return ['---', ...comments, ''].join('\n')
}

const isObject = (value: unknown): value is KubernetesObject =>
  isMapping(value) && typeof value['apiVersion'] === 'string' && typeof value['kind'] === 'string'

type Edit = (objects: readonly KubernetesObject[]) => KubernetesObject[]

function editFor(request: RenderRequest): Edit {
  const { variables: delivery } = clusterDescriptionOf(request.desired.run)
  const images = wantedImages(request)
  const made = variableObjects(request)
  const deliver: Edit = (objects) => {
    if (delivery.kind === 'none') return [...objects]
    if (delivery.kind === 'named') return renameReferences(objects, delivery, made).edited
    return inject(objects, made, request.desired.artifact)
  }
  return (objects) => deliver(setStrategy(replaceImages(objects, images).edited, request.strategy))
}

function imageNowhere(service: string, image: HelmImage, found: readonly string[]) {
  const paths = image.kind === 'reference' ? image.path : `${image.repository} and ${tagPath(image)}`
  return failedError(
    'IMAGE_NOT_DESCRIBED',
    `the chart of ${service} makes nothing of the image that it is given as ${paths}: ${whatImages(found)}`,
    { hint: 'say under `helm.image` at which paths of its values the chart takes the image' },
  )
}

const tagPath = (image: Exclude<HelmImage, { kind: 'reference' }>): string =>
  image.kind === 'digest' ? image.digest : image.tag
