/** The values that Trunkline adds to a chart's own: as data in a file that wins over the others. */
import { type Digest, type HelmImage, type Json, short } from '../../../model/index.ts'

export type Values = { [key: string]: Json }

export type GivenValues = {
  set: Readonly<Record<string, Json>>
  image: HelmImage
  /** `registry.example/shop@sha256:…` */
  reference: string
  digest: Digest
  /** Names of the objects that hold the service's variables; null: there is none. */
  variables: { configMap: string | null; secret: string | null } | null
}

export function valuesOf({ set, image, reference, digest, variables }: GivenValues): Values {
  const entries: Array<[string, Json]> = [
    ...(variables === null ? [] : [['trunkline', { ...variables, image: reference }] as [string, Json]]),
    ...Object.entries(set),
    ...imageEntries(image, reference, digest),
  ]
  return entries.reduce<Values>((values, [path, value]) => put(values, keysOf(path), value), {})
}

function imageEntries(image: HelmImage, reference: string, digest: Digest): Array<[string, Json]> {
  const repository = reference.slice(0, reference.lastIndexOf('@'))
  switch (image.kind) {
    case 'reference':
      return [[image.path, reference]]
    case 'digest':
      return [
        [image.repository, repository],
        [image.digest, digest],
      ]
    case 'tag':
      // Where a digest stands, a tag is for people.
      return [
        [image.repository, repository],
        [image.tag, `${short(digest)}@${digest}`],
      ]
  }
}

/** `image.tag`; a dot within a key is written `\.`, as helm has it. */
const keysOf = (path: string): string[] => path.split(/(?<!\\)\./).map((key) => key.replaceAll('\\.', '.'))

function put(values: Values, [key = '', ...rest]: readonly string[], value: Json): Values {
  if (rest.length === 0) return { ...values, [key]: value }
  const known = Object.hasOwn(values, key) ? values[key] : undefined
  const below = typeof known === 'object' && known !== null && !Array.isArray(known) ? known : {}
  return { ...values, [key]: put(below, rest, value) }
}
