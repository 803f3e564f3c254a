/** What others' packages an artifact was built with, as lockfiles among its inputs say: CycloneDX 1.6. See docs/provenance.md. */
import { canonicalJson } from '../../hashing/index.ts'
import type { Digest } from '../../model/index.ts'
import type { Referrer } from '../../ports/index.ts'
import { artifactTypes } from '../media-types.ts'
import { fileNameOf, lockfileNames } from './lockfile-names.ts'
import { lockfileReaders } from './lockfiles.ts'
import type { PackageEntry } from './package-entry.ts'

export type Lockfile = { path: string; text: string }

export type MaterialFacts = {
  artifact: Digest
  /** The service it was built for. */
  name: string
  lockfiles: readonly Lockfile[]
}

export type BillOfMaterials = {
  /** null: no lockfile among the inputs could be read. */
  referrer: Referrer | null
  /** Lockfiles that are not what their name says. */
  unread: string[]
}

/** The same lockfiles give the same bytes: nothing in it tells of time, machine or commit. */
export function billOfMaterials({ artifact, name, lockfiles }: MaterialFacts): BillOfMaterials {
  const unread: string[] = []
  const components = new Map<string, Component>()
  let isAnyRead = false
  for (const { path, text } of lockfiles) {
    try {
      for (const entry of entriesOf(path, text)) addComponent(components, entry, path)
      isAnyRead = true
    } catch {
      unread.push(path)
    }
  }
  return { referrer: isAnyRead ? referrerOf(document(artifact, name, components)) : null, unread }
}

function entriesOf(path: string, text: string): PackageEntry[] {
  const name = lockfileNames.find((known) => known === fileNameOf(path))
  return name === undefined ? [] : lockfileReaders[name](text)
}

type Component = PackageEntry & { paths: Set<string> }

/** Once, however often it is named; needed in earnest where anyone needs it so. */
function addComponent(components: Map<string, Component>, entry: PackageEntry, path: string): void {
  const known = components.get(entry.purl)
  if (known === undefined) {
    components.set(entry.purl, { ...entry, paths: new Set([path]) })
    return
  }
  known.paths.add(path)
  if (!entry.isForDevelopment) known.isForDevelopment = false
}

function document(artifact: Digest, name: string, components: ReadonlyMap<string, Component>) {
  const sorted = [...components.values()].sort((left, right) => (left.purl < right.purl ? -1 : 1))
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', name, version: artifact, 'bom-ref': artifact },
      tools: { components: [{ type: 'application', name: 'trunkline' }] },
    },
    components: sorted.map(({ purl, name, version, hash, isForDevelopment, paths }) => ({
      ...{ type: 'library', 'bom-ref': purl, name, version, purl },
      scope: isForDevelopment ? 'excluded' : 'required',
      ...(hash && { hashes: [{ alg: hash.algorithm, content: hash.hex }] }),
      evidence: { occurrences: [...paths].sort().map((location) => ({ location })) },
    })),
  }
}

const referrerOf = (content: unknown): Referrer => ({
  artifactType: artifactTypes.cycloneDx,
  mediaType: artifactTypes.cycloneDx,
  bytes: Buffer.from(canonicalJson(content)),
})
