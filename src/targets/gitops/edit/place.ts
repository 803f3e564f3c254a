/** Places in files of a manifest repository where it says what a service runs. */
import type { DocumentSelector } from './find.ts'
import type { WantedImage } from './image-name.ts'
import type { PathStep } from './path.ts'

/** An image: as one text (`repository@digest`), or as a map with `repository`, `tag` and `digest`. */
export type ImageAtPath = { kind: 'image'; document: DocumentSelector; path: readonly PathStep[] }

/** The entry of a kustomization's `images` with this name; added where it is missing. */
export type KustomizeImage = { kind: 'kustomize'; name: string }

/** Every container and init container whose image is of this repository, in all documents of the file. */
export type ContainerImages = { kind: 'containers'; repository: string }

/** One value of any meaning. */
export type ValueAtPath = { kind: 'value'; document: DocumentSelector; path: readonly PathStep[] }

export type ImagePlace = ImageAtPath | KustomizeImage | ContainerImages
export type Place = ImagePlace | ValueAtPath

export type Edit = { at: ImagePlace; image: WantedImage } | { at: ValueAtPath; value: string }
