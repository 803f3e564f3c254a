/**
 * Structured edits of text files: only the bytes of what is meant change. Comments, order, layout, line endings, quotes
 * and a byte order mark stay as they are. What is not understood is refused, with its line.
 */
import { answering, type ImagesRead, openEditor, parse } from './editor.ts'
import { findNode } from './find.ts'
import type { Edit, ImagePlace, ValueAtPath } from './place.ts'
import type { Refusal } from './refusal.ts'

export { type Editor, type ImagesRead, openEditor } from './editor.ts'
export type { DocumentSelector } from './find.ts'
export { type ImageName, imageText, parseImageName, type WantedImage } from './image-name.ts'
export { type PathStep, parsePath, pathText } from './path.ts'
export type { Edit, ImagePlace, Place, ValueAtPath } from './place.ts'
export { type Refusal, refusalLine } from './refusal.ts'

/** `matches`: places found, changed or not; of containers there may be none in a file. */
export type Edited = { kind: 'edited'; text: string; changed: boolean; matches: number }

/** All edits, in their order, or none. Doing them twice changes nothing the second time. */
export function edit(text: string, file: string, edits: readonly Edit[]): Edited | Refusal {
  const editor = openEditor(text, file)
  let matches = 0
  for (const one of edits) {
    const made = editor.edit(one)
    if (made.kind === 'refused') return made
    matches += made.matches
  }
  const ended = editor.text()
  return ended.kind === 'refused' ? ended : { kind: 'edited', text: ended.text, changed: ended.text !== text, matches }
}

/** What the file says at a place; nothing where it names no image there. */
export const readImages = (text: string, file: string, place: ImagePlace): ImagesRead | Refusal =>
  openEditor(text, file).images(place)

/** One value as text; null where nothing is written. */
export function readValue(
  text: string,
  file: string,
  place: ValueAtPath,
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
