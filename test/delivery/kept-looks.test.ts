import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { findLook, type Look, type Looking } from '../../src/delivery/release/look.ts'
import { sha256 } from '../../src/hashing/index.ts'
import type { Commit, CommitId, ObjectId, Project } from '../../src/model/index.ts'
import type { SelectionCache } from '../../src/ports/index.ts'
import { afterChanges, changesBetween, historyOf, historyProject, start } from '../planning/inputs/random-history.ts'
import { type Files, treeOf } from '../planning/inputs/tiny-repository.ts'

const nobody = { name: 'Ada', email: 'ada@example.com', at: '2026-01-01T00:00:00Z' }

/** A cache in memory. */
function memoryCache(): SelectionCache & { files: Map<string, Uint8Array>; writes: number } {
  const files = new Map<string, Uint8Array>()
  return {
    files,
    writes: 0,
    async read(key) {
      return files.get(key) ?? null
    },
    async write(key, pieces) {
      this.writes += 1
      files.set(key, Buffer.concat(pieces))
    },
  }
}

/** Commits by number; `listed` counts whole trees that were asked for. */
function repositoryOf(history: readonly Files[]) {
  const ids = history.map((_, at) => sha256(`commit ${at}`).slice(0, 40) as CommitId)
  const at = (id: CommitId): Files => history[ids.indexOf(id)] ?? assert.fail(`no commit ${id}`)
  const blobs = new Map<ObjectId, Uint8Array>()
  for (const files of history) {
    for (const file of Object.values(files)) {
      const content = typeof file === 'string' ? file : file.content
      blobs.set(sha256(content) as ObjectId, new TextEncoder().encode(content))
    }
  }
  const missing = new Set<CommitId>()
  const made = {
    listed: 0,
    missing,
    commit: (number: number): Commit => {
      const id = ids[number] ?? assert.fail(`no commit ${number}`)
      const tree = sha256(JSON.stringify(treeOf(at(id)))) as ObjectId
      return { id, tree, parents: [], author: nobody, committer: nobody, subject: '', body: '' }
    },
    looking: (selections?: SelectionCache): Looking => ({
      world: {
        environment: {},
        builder: { platform: 'linux/x64' },
        ...(selections === undefined ? {} : { selections }),
        source: {
          has: async (id) => !missing.has(id as CommitId),
          changes: async (from, to) => changesBetween(at(from), at(to)),
          readBlobs: async (oids) => new Map(oids.map((oid) => [oid, blobs.get(oid) ?? new Uint8Array()])),
          tree: async (id) => {
            made.listed += 1
            return treeOf(at(id))
          },
        },
      },
    }),
  }
  return made
}

const shown = ({ selection, hashes, tree }: Look) => ({
  hashes: [hashes.inputHash, hashes.checkHash, hashes.deployHash, hashes.prepareHash],
  paths: [...tree],
  selection: Object.entries(selection).map(([name, { inputs, checkInputs, deployInputs, prepare, notes }]) => [
    ...[name, [...inputs], [...checkInputs], [...deployInputs], [...prepare], notes],
  ]),
})

const changed = (name: string, to: Files[string] | null): Files => afterChanges(start, [{ name, to }])

async function look(
  repository: ReturnType<typeof repositoryOf>,
  number: number,
  selections?: SelectionCache,
  project: Project = historyProject,
) {
  return (await findLook(repository.looking(selections), project, repository.commit(number))).look
}

describe('what one command leaves for the next', () => {
  it('never changes an answer, whatever the history and the order in which its commits are looked at', async () => {
    let carried = 0
    await fc.assert(
      fc.asyncProperty(historyOf(5), fc.array(fc.nat(), { minLength: 2, maxLength: 6 }), async (history, visits) => {
        const cache = memoryCache()
        for (const visit of visits) {
          const repository = repositoryOf(history)
          const number = visit % history.length
          const kept = await look(repository, number, cache)
          if (repository.listed === 0) carried += 1
          assert.deepEqual(shown(kept), shown(await look(repository, number)))
        }
      }),
      { numRuns: 60 },
    )
    assert.ok(carried > 20, `only ${carried} looks were carried over`)
  })

  it('spares listing the tree of a commit that changes contents, and is left as it is', async () => {
    const cache = memoryCache()
    const repository = repositoryOf([start, changed('services/email/main.ts', 'two')])
    await look(repository, 0, cache)
    assert.deepEqual([repository.listed, cache.writes], [1, 1])
    await look(repository, 1, cache)
    await look(repository, 0, cache)
    assert.deepEqual([repository.listed, cache.writes], [1, 1])
  })

  it('is replaced where paths, manifests, links or the project file changed', async () => {
    const cases: Files[] = [
      changed('services/email/new.ts', 'one'),
      changed('services/email/main.ts', null),
      changed('packages/log/package.json', '{"name":"@shop/other"}'),
      changed('services/email/main.ts', { mode: 'symlink', content: 'sub/deep.ts' }),
      changed('trunkline.yaml', 'project: other'),
    ]
    for (const after of cases) {
      const cache = memoryCache()
      const repository = repositoryOf([start, after])
      await look(repository, 0, cache)
      const found = await look(repository, 1, cache)
      assert.deepEqual([repository.listed, cache.writes], [2, 2])
      assert.deepEqual(shown(found), shown(await look(repository, 1)))
    }
  })

  it('is not used for another project, nor where its commit is gone from the repository', async () => {
    const cache = memoryCache()
    const repository = repositoryOf([start, changed('docs/readme.md', 'two')])
    await look(repository, 0, cache)
    const other = { ...historyProject, shared: [{ pattern: 'docs/**' }] }
    const found = await look(repository, 1, cache, other)
    assert.deepEqual(shown(found), shown(await look(repository, 1, undefined, other)))
    assert.equal(cache.files.size, 2)
    const before = repository.listed
    repository.missing.add(repository.commit(0).id)
    await look(repository, 1, cache)
    assert.equal(repository.listed, before + 1)
  })

  it('is brought nearer when very much has changed since', async () => {
    const many = (content: string): Files =>
      Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`services/email/f${at}.ts`, content]))
    const cache = memoryCache()
    const repository = repositoryOf([
      { ...start, ...many('one') },
      { ...start, ...many('two') },
    ])
    await look(repository, 0, cache)
    await look(repository, 1, cache)
    assert.deepEqual([repository.listed, cache.writes], [1, 2])
    assert.deepEqual(shown(await look(repository, 1, cache)), shown(await look(repository, 1)))
  })

  it('holds for other values of passed-through variables and other platforms: hashes are made anew', async () => {
    const cache = memoryCache()
    const repository = repositoryOf([start])
    const here = await look(repository, 0, cache)
    const elsewhere = repository.looking(cache)
    const { look: there } = await findLook(
      { world: { ...elsewhere.world, builder: { platform: 'linux/arm64' } } },
      historyProject,
      repository.commit(0),
    )
    assert.notDeepEqual(there.hashes.inputHash, here.hashes.inputHash)
    assert.equal(repository.listed, 1)
  })
})
