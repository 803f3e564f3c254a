/** Files of the manifest repository at one commit, as text, with the edits made so far. */

import picomatch from 'picomatch'
import { type BranchEntry, type BranchRepository, patternOptions } from '../../../git/index.ts'
import { type CommitId, type Digest, refusedError, type ServiceName } from '../../../model/index.ts'
import { decodeText, type Editor, type ImageName, openEditor, type Refusal, type WantedImage } from '../edit/index.ts'
import type { ServicePlace } from './service-places.ts'

export type ManifestFiles = {
  /** Puts an image in all its places. Throws a refusal with file and line; answers the paths it is in. */
  put(
    service: ServiceName,
    places: readonly ServicePlace[],
    image: WantedImage,
  ): { paths: string[]; isChanged: boolean }
  /** The images at all places of a service; a refusal is answered. */
  images(places: readonly ServicePlace[]): { images: ImageName[]; files: string[]; refusal: Refusal | null }
  /** Puts the whole text of a file in place. */
  replace(path: string, text: string): void
  text(path: string): string | null
  changed(): Array<{ path: string; mode: '100644' | '100755'; content: Uint8Array }>
}

type OpenFile = BranchEntry & { before: string; editor: Editor }

/** More files than a pattern for one service ever means. */
const maxFiles = 2000
const maxFileBytes = 8 * 1024 * 1024

/** Reads what the patterns mean, all at once. */
export async function openManifestFiles(
  repository: BranchRepository,
  commit: CommitId,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<ManifestFiles> {
  const entries = await repository.entries(commit, patterns)
  if (entries.length > maxFiles) {
    throw refusedError('TOO_MANY_FILES', `${entries.length} files in ${repository.label} are meant`, {
      hint: `Name fewer in \`edits\`: at most ${maxFiles} are read.`,
    })
  }
  const odd = entries.filter(({ mode }) => mode === '120000' || mode === '160000')
  const plain = entries.filter((entry) => !odd.includes(entry))
  const open = new Map<string, OpenFile>()
  const unreadable = new Set<string>()
  for (const { content, ...entry } of await repository.read(plain, signal)) {
    const text = content.length > maxFileBytes ? null : decodeText(content)
    if (text === null) unreadable.add(entry.path)
    else open.set(entry.path, { ...entry, before: text, editor: openEditor(text, entry.path) })
  }

  /** Of what one pattern means, the first that cannot be edited at all. */
  const oddFile = (pattern: string): Refusal | null => {
    const isMeant = filesMeant(pattern)
    const entry = odd.find(({ path }) => isMeant(path))
    if (entry !== undefined) return notAFile(entry)
    const path = [...unreadable].find(isMeant)
    return path === undefined ? null : notText(path)
  }

  const load = (pattern: string): OpenFile[] => {
    const isMeant = filesMeant(pattern)
    return [...open.values()].filter(({ path }) => isMeant(path))
  }

  return {
    put(service, places, image) {
      const paths: string[] = []
      let isChanged = false
      for (const { files, place } of places) {
        const unfit = oddFile(files)
        if (unfit !== null) throw notUnderstood(unfit)
        const found = load(files)
        let matches = 0
        for (const file of found) {
          const result = file.editor.edit({ at: place, image })
          if (result.kind === 'refused') throw notUnderstood(result)
          isChanged ||= result.changed
          matches += result.matches
          if (result.matches > 0) paths.push(file.path)
        }
        if (found.length === 0) throw noFiles(repository, service, files)
        if (matches === 0)
          throw noPlace(repository, service, files, place.kind === 'containers' ? place.repository : '')
      }
      return { paths, isChanged }
    },

    images(places) {
      const images: ImageName[] = []
      const files: string[] = []
      for (const { files: pattern, place } of places) {
        const unfit = oddFile(pattern)
        if (unfit !== null) return { images: [], files, refusal: unfit }
        for (const file of load(pattern)) {
          const result = file.editor.images(place)
          if (result.kind === 'refused') return { images: [], files, refusal: result }
          images.push(...result.images)
          if (result.images.length > 0) files.push(file.path)
        }
      }
      return { images, files, refusal: null }
    },

    replace(path, text) {
      const file = open.get(path)
      if (file !== undefined) file.editor = openEditor(text, path)
    },

    text(path) {
      const file = open.get(path)
      return file === undefined ? null : textOf(file)
    },

    changed() {
      return [...open.values()].flatMap((file) => {
        const text = textOf(file)
        if (text === file.before) return []
        const mode = file.mode === '100755' ? file.mode : '100644'
        return [{ path: file.path, mode, content: new TextEncoder().encode(text) }]
      })
    },
  }
}

function textOf({ editor }: OpenFile): string {
  const ended = editor.text()
  if (ended.kind === 'refused') throw notUnderstood(ended)
  return ended.text
}

function filesMeant(pattern: string): (path: string) => boolean {
  const isMatch = picomatch(pattern, patternOptions)
  return (path) => path === pattern || isMatch(path)
}

/** The one digest at all places; null where there is none, or they differ. */
export function commonDigest(images: readonly ImageName[]): Digest | null {
  const [first] = images
  return first !== undefined && images.every(({ digest }) => digest === first.digest) ? first.digest : null
}

function notUnderstood({ file, line, column, sentence, hint }: Refusal) {
  return refusedError('MANIFEST_NOT_UNDERSTOOD', `${file}:${line}:${column}: ${sentence}`, {
    hint,
    location: { file, line, column },
  })
}

const notAFile = ({ path, mode }: BranchEntry): Refusal => ({
  ...unfit(path),
  sentence: `this is a ${mode === '120000' ? 'symbolic link' : 'submodule'}, not a file`,
  hint: 'Name the file itself.',
})

const notText = (path: string): Refusal => ({
  ...unfit(path),
  sentence: 'this is no text in UTF-8 of less than 8 MiB',
  hint: 'Save it as UTF-8.',
})

const unfit = (file: string) => ({ kind: 'refused', code: 'FILE_INVALID', file, line: 1, column: 1 }) as const

const noFiles = (repository: BranchRepository, service: ServiceName, files: string) =>
  refusedError(
    'MANIFEST_MISSING',
    `${files} is not in ${repository.label}: there the image of ${service} should stand`,
    {
      hint: 'Add the file to the manifest repository, or name another in `edits`.',
    },
  )

const noPlace = (repository: BranchRepository, service: ServiceName, files: string, image: string) =>
  refusedError(
    'MANIFEST_MISSING',
    `no container in ${files} of ${repository.label} has the image ${image}, where that of ${service} should stand`,
    { hint: 'Name the image in `edits` as the manifests have it, without tag or digest.' },
  )
