/** The images of a release in place of the names that a description calls them by: by digest, in containers alone. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { failedError } from '../../../model/index.ts'
import { type Container, containersOf, editContainers, editPodSpecs, podSpecsOf } from './pod-specs.ts'

/** Name in the description to the reference that the cluster pulls. */
export type Images = Readonly<Record<string, string>>

/** Failed where there are names and none of them occurs. */
export function putImages(service: string, objects: readonly KubernetesObject[], images: Images): KubernetesObject[] {
  const { edited, count } = replaceImages(objects, images)
  if (count === 0 && Object.keys(images).length > 0) throw noneOccurs(service, Object.keys(images), imagesOf(objects))
  return edited
}

/** With the number of containers that have one of the names. */
export function replaceImages(objects: readonly KubernetesObject[], images: Images) {
  const wanted = new Map(Object.entries(images).map(([name, image]) => [repositoryOf(name), image]))
  let count = 0
  const put = (container: Container): Container => {
    const image = wanted.get(repositoryOf(container['image']))
    if (image === undefined) return container
    count += 1
    return container['image'] === image ? container : { ...container, image }
  }
  const edited = objects.map((object) => editPodSpecs(object, (spec) => editContainers(spec, put)))
  return { edited, count }
}

/** As they stand in containers, each once. */
export const imagesOf = (objects: readonly KubernetesObject[]): string[] => [
  ...new Set(
    objects
      .flatMap(podSpecsOf)
      .flatMap(containersOf)
      .flatMap(({ image }) => (typeof image === 'string' ? [image] : [])),
  ),
]

/**
 * The repository that an image is pulled from, without tag and digest, in full: `nginx:1` is
 * `docker.io/library/nginx`. Null where there is none.
 */
export function repositoryOf(image: unknown): string | null {
  if (typeof image !== 'string' || image === '') return null
  const named = image.split('@', 1)[0] ?? ''
  const name = named.replace(/:[^:/]*$/, '')
  const [first = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const host = hasHost ? first : 'docker.io'
  const path = hasHost ? rest.join('/') : name
  if (host !== 'docker.io' && host !== 'index.docker.io') return `${host}/${path}`
  return `docker.io/${path.includes('/') ? path : `library/${path}`}`
}

const mostShown = 8

function noneOccurs(service: string, names: readonly string[], found: readonly string[]) {
  return failedError(
    'IMAGE_NOT_DESCRIBED',
    `what describes ${service} uses no image named ${names.join(' or ')}: ${whatImages(found)}`,
    {
      hint: `call the image ${names[0]} there, or say under \`images\` which name means which service`,
    },
  )
}

/** For people: `its images are nginx:1, web`. */
export function whatImages(images: readonly string[]): string {
  if (images.length === 0) return 'it has no containers'
  const more = images.length > mostShown ? `, and ${images.length - mostShown} more` : ''
  return `its images are ${images.slice(0, mostShown).join(', ')}${more}`
}
