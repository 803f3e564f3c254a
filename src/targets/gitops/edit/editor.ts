/** One file that is edited in many places: parsed once for all of them, where they do not touch each other. */
import { containerExtents, containerImages, editContainerImages } from './container-images.ts'
import { assertOwn, findNode } from './find.ts'
import { editImageAtPath, imageAtPath } from './image-at-path.ts'
import type { ImageName } from './image-name.ts'
import { editKustomizeImage, kustomizeExtent, kustomizeImage } from './kustomize-image.ts'
import { type LocatedText, type Outline, outlineOf } from './located.ts'
import { parseJson } from './parse-json.ts'
import { parseYaml } from './parse-yaml.ts'
import type { Edit, ImagePlace } from './place.ts'
import { NotUnderstood, type Refusal, refuseAt, type SourceText } from './refusal.ts'
import { applySplices, replaceScalar, type Splice } from './splice.ts'

export type ImagesRead = { kind: 'read'; images: ImageName[] }

export type Editor = {
  edit(one: Edit): { kind: 'made'; changed: boolean; matches: number } | Refusal
  /** What the file says at a place by now. */
  images(place: ImagePlace): ImagesRead | Refusal
  /** With all edits made, read back and compared. */
  text(): { kind: 'text'; text: string } | Refusal
}

type Parsed = { file: LocatedText; outline: Outline }

/** A refused edit leaves the others as they are. */
export function openEditor(text: string, file: string): Editor {
  let source: SourceText = { text, file }
  let parsed: Parsed | null = null
  let pending: Splice[] = []

  const look = (): Parsed => {
    if (parsed === null) {
      const located = parse(source)
      parsed = { file: located, outline: outlineOf(located) }
    }
    return parsed
  }

  /** Makes what was decided on. What comes after sees it. */
  const settle = () => {
    if (pending.length === 0) return
    const { outline } = look()
    const next = { ...source, text: applySplices(source.text, pending) }
    parsed = assertOnlyMeant(source, next, outline, pending)
    source = next
    pending = []
  }

  return {
    edit: (one) =>
      answering(() => {
        // What is meant may have been changed a moment ago: then even leaving it as it was would be wrong.
        if (pending.length > 0 && isAmong(extentsOf(look().file, one), pending)) settle()
        let decided = splicesFor(look(), one)
        if (isAmong(decided.splices, pending)) {
          settle()
          decided = splicesFor(look(), one)
        }
        pending.push(...decided.splices)
        return { kind: 'made', changed: decided.splices.length > 0, matches: decided.matches }
      }),
    images: (place) =>
      answering(() => {
        settle()
        return { kind: 'read', images: imagesAt(look().file, place) }
      }),
    text: () =>
      answering(() => {
        settle()
        return { kind: 'text', text: source.text }
      }),
  }
}

type Extent = { start: number; end: number }

/** An insertion has no extent: two at one place are in each other's way. */
const isAmong = (extents: readonly Extent[], pending: readonly Extent[]): boolean =>
  extents.some((one) => pending.some((other) => one.start <= other.end && other.start <= one.end))

/** What an edit looks at, whether it changes it or not. */
function extentsOf(file: LocatedText, { at }: Edit): Extent[] {
  switch (at.kind) {
    case 'value':
    case 'image':
      return findNode(file, at.document, at.path).nodes.slice(-1)
    case 'kustomize':
      return [kustomizeExtent(file, at)]
    case 'containers':
      return containerExtents(file, at)
  }
}

export function answering<Answer>(work: () => Answer): Answer | Refusal {
  try {
    return work()
  } catch (error) {
    if (error instanceof NotUnderstood) return error.refusal
    throw error
  }
}

export const parse = (source: SourceText): LocatedText =>
  source.file.endsWith('.json') ? parseJson(source) : parseYaml(source)

type Decided = { splices: Splice[]; matches: number }

function splicesFor({ file, outline }: Parsed, one: Edit): Decided {
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

function imagesAt(file: LocatedText, place: ImagePlace): ImageName[] {
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
function assertOnlyMeant(before: SourceText, after: SourceText, { says }: Outline, splices: readonly Splice[]): Parsed {
  const wanted = new Map(says)
  for (const [way, value] of splices.flatMap((splice) => splice.says)) {
    if (value === null) wanted.delete(way)
    else wanted.set(way, value)
  }
  const file = parse(after)
  const outline = outlineOf(file)
  const isAsMeant =
    outline.says.size === wanted.size && [...outline.says].every(([way, value]) => wanted.get(way) === value)
  if (isAsMeant) return { file, outline }
  refuseAt(before, splices[0]?.start ?? 0, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: 'an edit here would change more than what is meant',
    hint: 'Write this part of the file more simply.',
  })
}
