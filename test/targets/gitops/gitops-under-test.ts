/** The GitOps target over a real manifest repository. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/clock/index.ts'
import { homeAt } from '../../../src/home/index.ts'
import type { Actor, Digest, GitOpsConfig, GitOpsEdit } from '../../../src/model/index.ts'
import type { DeploymentNote, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createGitOpsTarget } from '../../../src/targets/gitops/index.ts'
import type { FileChanges } from '../../fixtures/repository.ts'
import { MemoryStore } from '../memory-store.ts'
import { requestFor } from '../requests.ts'
import { createManifests, type ManifestsUnderTest, reasonOf } from './manifest-repository.ts'

/** Of a controller: what it was told, and what it says. */
export type GitOpsContext = TargetContext & { lines: string[]; cancel(): void }

export type GitOpsUnderTest = AsyncDisposable & {
  manifests: ManifestsUnderTest
  /** As another controller would open it: with a cache of its own. */
  open(change?: Partial<GitOpsConfig>, variables?: NodeJS.ProcessEnv): Target
  context(id: string, together?: Record<string, Digest>, epoch?: number): GitOpsContext
}

export const kustomizeEdits: GitOpsEdit[] = [
  { kind: 'kustomize', file: 'apps/{service}/{environment}/kustomization.yaml', image: '{service}' },
]

const ada: Actor = { name: 'Ada', email: 'ada@example.com' }

/** A registry, as far as its name goes. */
class NamedStore extends MemoryStore {
  override imageReference(digest?: Digest, service?: string): never | null {
    return `registry.test/shop/${service}@${digest}` as never // the class says null, the port a reference
  }
}

export async function openGitOps(files: FileChanges, change: Partial<GitOpsConfig> = {}): Promise<GitOpsUnderTest> {
  const manifests = await createManifests(files)
  const homes = await mkdtemp(join(tmpdir(), 'trunkline-gitops-'))
  const base: GitOpsConfig = {
    repository: manifests.url,
    branch: 'main',
    pullRequest: null,
    edits: kustomizeEdits,
    services: {},
    follow: null,
    pullFrom: null,
    ...change,
  }
  let count = 0
  const artifacts = new NamedStore()
  return {
    manifests,
    open(more = {}, variables = {}) {
      count++
      return createGitOpsTarget({
        config: { ...base, ...more },
        project: 'shop',
        environment: 'stage',
        home: homeAt({ TRUNKLINE_HOME: join(homes, String(count)) }),
        clock: systemClock,
        root: homes,
        variables: { ...process.env, ...manifests.environment, ...variables },
      })
    },
    context(id, together = {}, epoch = 1) {
      const lines: string[] = []
      const cancelling = new AbortController()
      const note: DeploymentNote = {
        ...reasonOf(id).deployment,
        id: reasonOf(id).deployment.id,
        actor: ada,
        together: Object.entries(together).map(([service, artifact]) => ({ service, artifact })),
      }
      return {
        signal: cancelling.signal,
        cancel: () => cancelling.abort(new Error('cancelled')),
        deployment: note,
        epoch,
        artifacts,
        report: () => {},
        log: (line) => lines.push(line),
        lines,
      }
    },
    async [Symbol.asyncDispose]() {
      await manifests[Symbol.asyncDispose]()
      await rm(homes, { recursive: true, force: true })
    },
  }
}

export const requestOf = (service: string, artifact: Digest): RolloutRequest => requestFor(service, artifact)
