import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { artifactTag } from '../../src/artifacts/artifact-tag.ts'
import { digestFromHex } from '../../src/artifacts/digest.ts'
import { type ProvenanceFacts, provenanceStatement } from '../../src/artifacts/provenance.ts'
import type { CommitId, InputHash, ObjectId } from '../../src/model/index.ts'

// Branded by hand: these are the tests' own ids, of the right shape.
const facts: ProvenanceFacts = {
  artifact: digestFromHex('a'.repeat(64)),
  name: 'carts',
  inputHash: 'b'.repeat(64) as InputHash,
  commit: 'c'.repeat(40) as CommitId,
  repository: 'https://ada:s3cret@git.example/shop.git',
  builder: 'ada@laptop',
  recipe: { run: 'npm run build', artifact: { kind: 'bundle', include: ['dist/**'] } },
  inputs: [{ path: 'services/carts/main.ts', oid: 'd'.repeat(40) as ObjectId }],
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:07.000Z',
}

const statementOf = (changed: Partial<ProvenanceFacts> = {}) =>
  JSON.parse(Buffer.from(provenanceStatement({ ...facts, ...changed }).bytes).toString())

test('a statement says in SLSA’s words what was built, from what, by whom and when', () => {
  assert.deepEqual(statementOf(), {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'carts', digest: { sha256: 'a'.repeat(64) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:trunkline:build:v1',
        externalParameters: {
          repository: 'https://git.example/shop.git',
          commit: 'c'.repeat(40),
          service: 'carts',
          recipe: facts.recipe,
        },
        internalParameters: { inputHash: 'b'.repeat(64) },
        resolvedDependencies: [
          { uri: `git+https://git.example/shop.git@${'c'.repeat(40)}`, digest: { gitCommit: 'c'.repeat(40) } },
          { name: 'services/carts/main.ts', digest: { gitBlob: 'd'.repeat(40) } },
        ],
      },
      runDetails: {
        builder: { id: 'urn:trunkline:builder:ada%40laptop' },
        metadata: { startedOn: facts.startedAt, finishedOn: facts.endedAt },
      },
    },
  })
})

test('the same facts give the same bytes', () => {
  assert.deepEqual(
    provenanceStatement(facts),
    provenanceStatement({ ...facts, recipe: { ...(facts.recipe as object) } }),
  )
})

test('no credentials of the repository’s address get into a statement', () => {
  const sourceOf = (repository: string) =>
    statementOf({ repository }).predicate.buildDefinition.externalParameters.repository
  assert.equal(sourceOf('git@git.example:team/shop.git'), 'ssh://git.example/team/shop.git')
  assert.equal(sourceOf('ssh://git:pw@git.example/shop.git?token=s3cret'), 'ssh://git.example/shop.git')
  assert.equal(sourceOf('/srv/git/shop repo.git'), 'file:///srv/git/shop%20repo.git')
})

test('a CI job’s URL names the builder as it is', () => {
  const url = 'https://ci.example/jobs/7'
  assert.equal(statementOf({ builder: url }).predicate.runDetails.builder.id, url)
})

test('names that are tags stay, all others become tags of their own', () => {
  assert.equal(artifactTag('v1.0.0'), 'v1.0.0')
  assert.equal(artifactTag('3f2a91c'), '3f2a91c')
  assert.equal(artifactTag('release/1.0'), 'release-1.0-05c07dbf')
  assert.match(artifactTag('1.0.0+build.5'), /^1\.0\.0_build\.5-[0-9a-f]{8}$/)
  assert.notEqual(artifactTag(`sha256-${'a'.repeat(64)}`), `sha256-${'a'.repeat(64)}`)
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }), (name) => {
      assert.match(artifactTag(name), /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/)
    }),
  )
})
