/** Says how an artifact came to be, in the words that verifiers know: in-toto Statement v1, SLSA provenance v1. See docs/provenance.md. */
import { canonicalJson } from '../hashing/index.ts'
import type { CommitId, Digest, InputHash, ObjectId } from '../model/index.ts'
import type { Referrer } from '../ports/index.ts'
import { hexOf } from './digest.ts'
import { artifactTypes } from './media-types.ts'

/** Names the meaning of the parameters below; docs/provenance.md describes it. Rises with that meaning. */
export const provenanceBuildType = 'urn:trunkline:build:v1'
const predicateType = 'https://slsa.dev/provenance/v1'

export type ProvenanceFacts = {
  artifact: Digest
  /** The service it was built for. */
  name: string
  inputHash: InputHash
  commit: CommitId
  /** Where the commit can be fetched; credentials in it are left out of the statement. */
  repository: string
  /** Who built: `user@host`, or the URL of a CI job. */
  builder: string
  /** What was run and packed, as plain JSON. */
  recipe: unknown
  /** Exactly the files the build saw. */
  inputs: readonly { path: string; oid: ObjectId }[]
  /** ISO 8601. */
  startedAt: string
  endedAt: string
}

/** The provenance of one build as a document to `attach` to its artifact. The same facts give the same bytes. */
export function provenanceStatement(facts: ProvenanceFacts): Referrer {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: facts.name, digest: { sha256: hexOf(facts.artifact) } }],
    predicateType,
    predicate: { buildDefinition: buildDefinition(facts), runDetails: runDetails(facts) },
  }
  return {
    artifactType: artifactTypes.inToto,
    mediaType: artifactTypes.inToto,
    bytes: Buffer.from(canonicalJson(statement)),
    annotations: { 'in-toto.io/predicate-type': predicateType },
  }
}

function buildDefinition({ name, inputHash, commit, repository, recipe, inputs }: ProvenanceFacts) {
  const source = sourceUri(repository)
  return {
    buildType: provenanceBuildType,
    externalParameters: { repository: source, commit, service: name, recipe },
    internalParameters: { inputHash },
    resolvedDependencies: [
      { uri: `git+${source}@${commit}`, digest: { gitCommit: commit } },
      ...inputs.map(({ path, oid }) => ({ name: path, digest: { gitBlob: oid } })),
    ],
  }
}

function runDetails({ builder, startedAt, endedAt }: ProvenanceFacts) {
  return {
    builder: { id: URL.canParse(builder) ? builder : `urn:trunkline:builder:${encodeURIComponent(builder)}` },
    metadata: { startedOn: startedAt, finishedOn: endedAt },
  }
}

/** As a URI, and without user and password: `git@host:shop.git` is ssh, a path is a file. */
function sourceUri(repository: string): string {
  const scp = /^(?:[^@/]+@)?([^:/]+):(?!\/\/)(.+)$/.exec(repository)
  if (scp) return `ssh://${scp[1]}/${scp[2]?.replace(/^\/+/, '')}`
  if (!URL.canParse(repository)) return `file://${encodeURI(repository)}`
  const url = new URL(repository)
  url.username = ''
  url.password = ''
  url.search = ''
  return url.href
}
