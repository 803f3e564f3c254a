import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { lookThrough } from '../../src/delivery/look-through.ts'
import { sha256 } from '../../src/hashing/index.ts'
import type { Commit, CommitId, ObjectId, Project } from '../../src/model/index.ts'
import type { HistoryStep } from '../../src/ports/index.ts'
import { changesBetween, historyOf, historyProject, start } from '../planning/inputs/random-history.ts'
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

const plain = ({ inputHash, checkHash, deployHash, prepareHash }: ReturnType<typeof hash>) => ({
  ...{ inputHash, checkHash, deployHash, prepareHash },
})

describe('a history, commit by commit', () => {
  it('has at every commit the hashes that the commit has by itself, and names exactly the services that differ', async () => {
    const other = { ...historyProject, services: { ...historyProject.services, late: serviceOf('late') } }
    await fc.assert(
      fc.asyncProperty(historyOf(8), fc.option(fc.nat(7)), async (random, turn) => {
        // From some commit on the project file is another one.
        const history = random.map((files, at) => ({
          ...files,
          'trunkline.yaml': turn !== null && at >= turn ? 'b' : 'a',
        }))
        const projects = (at: number) => (turn !== null && at >= turn ? other : historyProject)
        const { looks } = await found(history, projects)
        assert.equal(looks.length, history.length)
        let before: ReturnType<typeof hash> | null = null
        for (const [at, { hashes, changed }] of looks.entries()) {
          const alone = hash(projects(at), history[at] ?? {})
          assert.deepEqual(plain(hashes as ReturnType<typeof hash>), plain(alone))
          const differing = Object.keys(alone.inputHash).filter(
            (name) =>
              before === null ||
              before.inputHash[name] !== alone.inputHash[name] ||
              before.deployHash[name] !== alone.deployHash[name] ||
              JSON.stringify(before.checkHash[name]) !== JSON.stringify(alone.checkHash[name]),
          )
          assert.deepEqual(changed, differing)
          before = alone
        }
      }),
      { numRuns: 80 },
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
