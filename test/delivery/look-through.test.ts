import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lookThrough } from '../../src/delivery/release/look-through.ts'
import { sha256 } from '../../src/hashing/index.ts'
import type { Commit, CommitId, ObjectId, Project } from '../../src/model/index.ts'
import type { CommitHashes } from '../../src/planning/inputs/selecting.ts'
import type { HistoryStep } from '../../src/ports/index.ts'
import { changesBetween, historyOf, historyProject, start } from '../planning/inputs/random-history.ts'
import { pathHistory, pathsProject } from '../planning/inputs/random-paths.ts'
import { type Files, hash, serviceOf, treeOf } from '../planning/inputs/tiny-repository.ts'

const nobody = { name: 'Ada', email: 'ada@example.com', at: '2026-01-01T00:00:00Z' }
const idOf = (at: number): CommitId => sha256(`commit ${at}`).slice(0, 40) as CommitId
const commitOf = (at: number): Commit => ({
  ...{ id: idOf(at), tree: sha256(`tree ${at}`) as ObjectId, parents: at === 0 ? [] : [idOf(at - 1)] },
  ...{ author: nobody, committer: nobody, subject: '', body: '' },
})

/** What is found in a history; `projects` says which project each commit has. */
async function found(history: readonly Files[], projects: (at: number) => Project) {
  const read: ObjectId[] = []
  const blobs = new Map(
    history.flatMap((files) =>
      Object.values(files).map((file): [ObjectId, Uint8Array] => {
        const content = typeof file === 'string' ? file : file.content
        return [sha256(content) as ObjectId, new TextEncoder().encode(content)]
      }),
    ),
  )
  const numberOf = (id: string) => history.findIndex((_, at) => idOf(at) === id)
  async function* steps(): AsyncGenerator<HistoryStep> {
    for (const [at, files] of history.entries()) {
      yield { commit: commitOf(at), changes: at === 0 ? [] : changesBetween(history[at - 1] ?? {}, files) }
    }
  }
  const engine: Parameters<typeof lookThrough>[0] = {
    world: {
      environment: {},
      builder: { platform: 'linux/x64' },
      projectAt: async (id) => projects(numberOf(id)),
      source: {
        has: async () => true,
        changes: async () => assert.fail('the steps tell changes'),
        tree: async (id) => treeOf(history[numberOf(id)] ?? {}),
        readBlobs: async (oids) => {
          read.push(...oids)
          return new Map(oids.map((oid) => [oid, blobs.get(oid) ?? new Uint8Array()]))
        },
      },
    },
  }
  const looks = await collected(lookThrough(engine, steps()))
  return { looks, read }
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

const plain = ({ inputHash, checkHash, deployHash, prepareHash }: CommitHashes) => ({
  ...{ inputHash, checkHash, deployHash, prepareHash },
})

const withService = (project: Project): Project => ({
  ...project,
  services: {
    ...project.services,
    late: serviceOf('late', { needs: ['carts'], inputs: [{ pattern: 'packages/**' }] }),
  },
})

/** Each commit against the commit looked at by itself. From `turn` on the project file is another one. */
async function holdAgainstAlone(
  random: readonly Files[],
  { before, after, turn }: { before: Project; after: Project; turn: number | null },
): Promise<void> {
  const isAfter = (at: number) => turn !== null && at >= turn
  const history = random.map((files, at) => ({ ...files, 'trunkline.yaml': isAfter(at) ? 'b' : 'a' }))
  const projects = (at: number) => (isAfter(at) ? after : before)
  const { looks } = await found(history, projects)
  assert.equal(looks.length, history.length)
  let last: ReturnType<typeof hash> | null = null
  for (const [at, { hashes, changed }] of looks.entries()) {
    const alone = hash(projects(at), history[at] ?? {})
    assert.deepEqual(plain(hashes), plain(alone))
    const differing = Object.keys(alone.inputHash).filter(
      (name) =>
        last === null ||
        last.inputHash[name] !== alone.inputHash[name] ||
        last.deployHash[name] !== alone.deployHash[name] ||
        JSON.stringify(last.checkHash[name]) !== JSON.stringify(alone.checkHash[name]),
    )
    assert.deepEqual(changed, differing)
    last = alone
  }
}

describe('a history, commit by commit', () => {
  it('has at every commit the hashes that the commit has by itself, and names exactly the services that differ', async () => {
    await fc.assert(
      fc.asyncProperty(historyOf(8), fc.option(fc.nat(7)), (history, turn) =>
        holdAgainstAlone(history, { before: historyProject, after: withService(historyProject), turn }),
      ),
      { numRuns: 60 },
    )
  })

  it('has them where paths come, go, are renamed and become links', async () => {
    await fc.assert(
      fc.asyncProperty(pathHistory(8), fc.option(fc.nat(7), { freq: 2 }), (history, turn) =>
        holdAgainstAlone(history, { before: pathsProject, after: withService(pathsProject), turn }),
      ),
      { numRuns: 20 },
    )
  })

  it('reads nothing twice: a file that is added costs no content that was read before', async () => {
    const history = [
      start,
      { ...start, 'services/email/new.ts': 'new' },
      { ...start, 'services/email/other.ts': 'one' },
    ]
    const { looks, read } = await found(history, () => historyProject)
    assert.deepEqual(
      looks.map(({ changed }) => changed),
      [['carts', 'email', 'worker'], ['email'], ['email']],
    )
    assert.equal(new Set(read).size, read.length)
  })
})
