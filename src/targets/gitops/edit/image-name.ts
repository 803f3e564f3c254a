/** What an image is called in a manifest: `repository[:tag][@digest]`. */
import { type Digest, isDigest } from '../../../model/index.ts'

export type ImageName = { repository: string; tag: string | null; digest: Digest | null }

/** The image a service shall run. */
export type WantedImage = {
  digest: Digest
  /** Where it is pulled from; null: as the file says. */
  repository: string | null
  /** Where it is pulled from at places that say nothing about that yet; null: nobody knows. */
  origin: string | null
}

const repositoryPattern = /^[a-zA-Z0-9](?:[a-zA-Z0-9._:/-]*[a-zA-Z0-9])?$/
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** Null where the text is no image's name. */
export function parseImageName(text: string): ImageName | null {
  const at = text.indexOf('@')
  const digest = at === -1 ? null : text.slice(at + 1)
  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const repository = colon === -1 ? named : named.slice(0, colon)
  const tag = colon === -1 ? null : named.slice(colon + 1)
  if (!repositoryPattern.test(repository) || (tag !== null && !tagPattern.test(tag))) return null
  if (digest !== null && !isDigest(digest)) return null
  return { repository, tag, digest }
}

/** By digest alone: a tag beside it would say what is no longer true, or say it twice. */
export const imageText = (repository: string, digest: Digest): string => `${repository}@${digest}`
