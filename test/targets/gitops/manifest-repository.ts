/** A real manifest repository for tests: bare, with a person's clone beside it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BranchRepository, openBranchRepository } from '../../../src/git/index.ts'
import type { CommitId, DeploymentId, Digest, ReleaseId, ViewHash } from '../../../src/model/index.ts'
import type { CommitReason } from '../../../src/targets/gitops/repository/commit-images.ts'
import { createBareRemote, createRepository, type FileChanges, type Repository } from '../../fixtures/repository.ts'

export const digestOf = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest

export type ManifestsUnderTest = AsyncDisposable & {
  remote: Repository
  /** A person's clone. */
  person: Repository
  /** URL that a controller is given. */
  url: string
  environment: Record<string, string>
  /** A controller's view, with a cache of its own. */
  open(url?: string): BranchRepository
  /** Pushes by hand. */
  push(message: string, files: FileChanges): Promise<CommitId>
  /** Content of a file at the branch. */
  file(path: string, branch?: string): Promise<string>
  log(format: string, branch?: string): Promise<string[]>
}

export async function createManifests(files: FileChanges): Promise<ManifestsUnderTest> {
  const remote = await createBareRemote()
  const person = await createRepository({ files })
  const caches = await mkdtemp(join(tmpdir(), 'trunkline-manifests-'))
  await person.addRemote('origin', remote.directory)
  await person.push('origin', 'main')
  let count = 0
  return {
    remote,
    person,
    url: `file://${remote.directory}`,
    environment: remote.environment,
    open(url = `file://${remote.directory}`) {
      count++
      return openBranchRepository({
        url,
        cacheDirectory: join(caches, String(count)),
        environment: { ...process.env, ...remote.environment },
      })
    },
    async push(message, changes) {
      await person.git('pull', '--quiet', '--rebase', 'origin', 'main')
      await person.commit(message, changes)
      // As people do it: again, where a controller was faster.
      for (let attempt = 0; attempt < 20; attempt++) {
        const isPushed = await person.push('origin', 'main').then(
          () => true,
          () => false,
        )
        if (isPushed) break
        await person.git('pull', '--quiet', '--rebase', 'origin', 'main')
      }
      return await person.head()
    },
    file: (path, branch = 'main') => remote.git('show', `${branch}:${path}`),
    log: async (format, branch = 'main') =>
      (await remote.git('log', `--format=${format}`, branch)).split('\n').filter((line) => line !== ''),
    async [Symbol.asyncDispose]() {
      await Promise.all([remote.dispose(), person.dispose(), rm(caches, { recursive: true, force: true })])
    },
  }
}

export function reasonOf(
  id: string,
  epoch = 1,
): CommitReason & { deployment: NonNullable<CommitReason['deployment']> } {
  return {
    deployment: {
      id: id as DeploymentId,
      candidate: {
        release: 'e'.repeat(64) as ReleaseId,
        view: 'f'.repeat(64) as ViewHash,
        commit: 'c'.repeat(40) as CommitId,
        ref: 'refs/heads/main',
        version: 'v1.2.0',
        author: { name: 'Ben', email: 'ben@example.com' },
      },
    },
    actor: { name: 'Ada', email: 'ada@example.com' },
    epoch,
    at: '2026-11-21T18:00:00.000Z',
    because: null,
  }
}
