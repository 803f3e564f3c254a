/** `index.json`: which manifests the layout holds, what tags name them, and what they refer to. Pure. */
import { canonicalJson } from '../../hashing/index.ts'
import { type Digest, isDigest } from '../../model/index.ts'
import type { Descriptor } from '../../ports/index.ts'
import { mediaTypes } from '../media-types.ts'

/** Set by the OCI image layout specification. */
const tagAnnotation = 'org.opencontainers.image.ref.name'
/** Ours: lets referrers be found without opening every manifest. */
const subjectAnnotation = 'vnd.trunkline.subject'

export type LayoutIndex = readonly Descriptor[]

export const encodeIndex = (manifests: LayoutIndex): string =>
  canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })

/** The index with the manifest in it, be it new or known. */
export const withManifest = (index: LayoutIndex, manifest: Descriptor): LayoutIndex =>
  index.some((entry) => entry.digest === manifest.digest) ? index : [...index, manifest]

/** The index with a document that refers to `subject`. */
export const withReferrer = (index: LayoutIndex, referrer: Descriptor, subject: Digest): LayoutIndex =>
  index.some((entry) => entry.digest === referrer.digest)
    ? index
    : [...index, annotated(referrer, { [subjectAnnotation]: subject })]

/** The index in which the tag names `manifest` and nothing else. What it named before stays, unnamed. */
export function withTag(index: LayoutIndex, manifest: Descriptor, tag: string): LayoutIndex {
  const previous = index.find((entry) => tagOf(entry) === tag)
  const rest = index.filter((entry) => entry !== previous && !(entry.digest === manifest.digest && !tagOf(entry)))
  const named = [...rest, annotated(manifest, { [tagAnnotation]: tag })]
  return previous && !named.some((entry) => entry.digest === previous.digest)
    ? [...named, withoutAnnotation(previous, tagAnnotation)]
    : named
}

/** The index without these manifests, their tags, and what refers to them; and all that was taken out. */
export function withoutManifests(
  index: LayoutIndex,
  digests: ReadonlySet<Digest>,
): { index: LayoutIndex; gone: Digest[] } {
  const goes = ({ digest, annotations }: Descriptor): boolean => {
    const subject = annotations?.[subjectAnnotation]
    return digests.has(digest) || (subject !== undefined && isDigest(subject) && digests.has(subject))
  }
  return { index: index.filter((entry) => !goes(entry)), gone: index.filter(goes).map(({ digest }) => digest) }
}

export const tagged = (index: LayoutIndex, tag: string): Digest | null =>
  index.find((entry) => tagOf(entry) === tag)?.digest ?? null

export const referrersOf = (index: LayoutIndex, subject: Digest): Descriptor[] =>
  index
    .filter((entry) => entry.annotations?.[subjectAnnotation] === subject)
    .map((entry) => withoutAnnotation(entry, subjectAnnotation))

const tagOf = (entry: Descriptor): string | undefined => entry.annotations?.[tagAnnotation]

const annotated = (entry: Descriptor, annotations: Record<string, string>): Descriptor => ({
  ...entry,
  annotations: { ...entry.annotations, ...annotations },
})

function withoutAnnotation(entry: Descriptor, name: string): Descriptor {
  const { annotations, ...rest } = entry
  const { [name]: _, ...others } = annotations ?? {}
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others }
}
