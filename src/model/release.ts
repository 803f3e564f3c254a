/** Records: what was built, checked and released. Stored once under `refs/trunkline/builds`, never changed. */
import type {
  CommitId,
  Digest,
  EnvironmentName,
  InputHash,
  ObjectId,
  ReleaseId,
  ServiceName,
  TargetName,
} from './identity.ts'
import type { EnvironmentRecipe, EnvironmentVariable, Run, Task } from './project.ts'
import type { Reason } from './reason.ts'

export type BuildRecord = {
  version: 1
  inputHash: InputHash
  service: ServiceName
  artifact: Digest
  commit: CommitId
  /** Who built it: `<user>@<host>` or the CI job's URL. */
  builder: string
  at: string
  durationMs: number
  /** Digest of the provenance statement attached to the artifact. */
  provenance: Digest | null
}

export type CheckRecord = {
  version: 1
  checkHash: InputHash
  service: ServiceName
  check: string
  verdict: 'green' | 'red'
  commit: CommitId
  builder: string
  at: string
  durationMs: number
  /** Masked; only for red. */
  logTail?: string[]
}

/** What one commit came to. A failed one keeps its tags from being promoted. */
export type CommitRecord = {
  version: 1
  commit: CommitId
  at: string
  builder: string
  inputHashes: Record<ServiceName, InputHash>
} & ({ outcome: 'released'; release: ReleaseId } | { outcome: 'failed'; reasons: Reason[] })

/** Everything needed to deploy, without the commit: rolling back needs no old configuration. */
export type Release = {
  version: 1
  id: ReleaseId
  services: Record<ServiceName, ReleasedService>
  environments: Record<EnvironmentName, ReleasedEnvironment>
  tasks: Record<string, Task>
}

export type ReleasedService = {
  artifact: Digest
  /** Path to object id of the files that say how it is deployed. */
  deployInputs: Record<string, ObjectId>
  run: Run | null
  env: Record<string, EnvironmentVariable>
  deployAfter: ServiceName[]
  target: TargetName | null
}

export type ReleasedEnvironment = EnvironmentRecipe & {
  /** Path to object id of this environment's overlay. */
  overlay: Record<string, ObjectId>
}
