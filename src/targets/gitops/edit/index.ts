/**
 * Structured edits of text files: only the bytes of what is meant change. Comments, order, layout, line endings, quotes
 * and a byte order mark stay as they are. What is not understood is refused, with its line.
 */
import { containerImages, editContainerImages } from './container-images.ts'
import { assertOwn, findNode } from './find.ts'
import { editImageAtPath, imageAtPath } from './image-at-path.ts'
import type { ImageName } from './image-name.ts'
import { editKustomizeImage, kustomizeImage } from './kustomize-image.ts'
import { type LocatedText, type Outline, outlineOf } from './located.ts'
import { parseJson } from './parse-json.ts'
import { parseYaml } from './parse-yaml.ts'
import type { Edit, Place } from './place.ts'
import { NotUnderstood, type Refusal, refuseAt, type SourceText } from './refusal.ts'
import { applySplices, replaceScalar, type Splice } from './splice.ts'

export type { DocumentSelector } from './find.ts'
export { type ImageName, imageText, parseImageName, type WantedImage } from './image-name.ts'
export { type PathStep, parsePath, pathText } from './path.ts'
export type { Edit, ImagePlace, Place, ValueAtPath } from './place.ts'
export { type Refusal, refusalLine } from './refusal.ts'

/** `matches`: places found, changed or not; of containers there may be none in a file. */
export type Edited = { kind: 'edited'; text: string; changed: boolean; matches: number }

/** All edits, in their order, or none. Doing them twice changes nothing the second time. */
export function edit(text: string, file: string, edits: readonly Edit[]): Edited | Refusal {
  return answering(() => {
    let now = text
    let matches = 0
    for (const one of edits) {
      const edited = editOnce({ text: now, file }, one)
      now = edited.text
      matches += edited.matches
    }
    return { kind: 'edited', text: now, changed: now !== text, matches }
  })
}

export type ImagesRead = { kind: 'read'; images: ImageName[] }

/** What the file says at a place; nothing where it names no image there. A value counts as its text. */
export function readImages(text: string, file: string, place: Exclude<Place, { kind: 'value' }>): ImagesRead | Refusal {
  return answering(() => ({ kind: 'read', images: imagesAt(parse({ text, file }), place) }))
}

/** One value as text; null where nothing is written. */
export function readValue(
  text: string,
  file: string,
  place: Extract<Place, { kind: 'value' }>,
): { kind: 'read'; value: string | null } | Refusal {
  return answering(() => {
    const node = findNode(parse({ text, file }), place.document, place.path).nodes.at(-1)
    return { kind: 'read', value: node?.kind === 'scalar' && node.value !== null ? String(node.value) : null }
  })
}

/** The text of a file; null where its bytes are no UTF-8. The mark of byte order is kept. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function answering<Answer>(work: () => Answer): Answer | Refusal {
  try {
    return work()
  } catch (error) {
    if (error instanceof NotUnderstood) return error.refusal
    throw error
  }
}

const parse = (source: SourceText): LocatedText =>
  source.file.endsWith('.json') ? parseJson(source) : parseYaml(source)

function editOnce(source: SourceText, one: Edit): { text: string; matches: number } {
  const file = parse(source)
  const outline = outlineOf(file)
  const { splices, matches } = splicesFor(file, outline, one)
  if (splices.length === 0) return { text: source.text, matches }
  const text = applySplices(source.text, splices)
  assertOnlyMeant(source, text, outline, splices)
  return { text, matches }
}

function splicesFor(file: LocatedText, outline: Outline, one: Edit): { splices: Splice[]; matches: number } {
  if ('value' in one) {
    const trail = findNode(file, one.at.document, one.at.path)
    assertOwn(file, trail)
    const node = trail.nodes.at(-1)
    const splice = node === undefined ? null : replaceScalar(file, outline, node, one.value)
    return { splices: splice === null ? [] : [splice], matches: 1 }
  }
  switch (one.at.kind) {
    case 'image':
      return { splices: editImageAtPath(file, outline, one.at, one.image), matches: 1 }
    case 'kustomize':
      return { splices: editKustomizeImage(file, outline, one.at, one.image), matches: 1 }
    case 'containers':
      return editContainerImages(file, outline, one.at, one.image)
  }
}

function imagesAt(file: LocatedText, place: Exclude<Place, { kind: 'value' }>): ImageName[] {
  switch (place.kind) {
    case 'image':
      return [imageAtPath(file, place)]
    case 'kustomize': {
      const image = kustomizeImage(file, place)
      return image === null ? [] : [image]
    }
    case 'containers':
      return containerImages(file, place)
  }
}

/** Reads the new text again: it has to say what was meant, and all else as before. */
function assertOnlyMeant(source: SourceText, text: string, before: Outline, splices: readonly Splice[]): void {
  const wanted = new Map(before.says)
  for (const [way, value] of splices.flatMap(({ says }) => says)) {
    if (value === null) wanted.delete(way)
    else wanted.set(way, value)
  }
  const { says } = outlineOf(parse({ text, file: source.file }))
  const isAsMeant = says.size === wanted.size && [...says].every(([way, value]) => wanted.get(way) === value)
  if (isAsMeant) return
  refuseAt(source, splices[0]?.start ?? 0, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: 'an edit here would change more than what is meant',
    hint: 'Write this part of the file more simply.',
  })
}
