/** A plan is data: what will be done and why, as a graph of steps. */
import type {
  CommitId,
  Digest,
  EnvironmentName,
  Fingerprint,
  InputHash,
  PlanHash,
  RefName,
  ReleaseId,
  ServiceName,
  TargetName,
  ViewHash,
} from './identity.ts'
import type { DeployInputs } from './kubernetes.ts'
import type { Preview } from './preview.ts'
import type { EnvironmentVariable, Hook, Run, Verification } from './project.ts'
import type { Reason } from './reason.ts'
import type { RolloutStrategy } from './rollout-strategy.ts'

/** What `plan` prints: the release to be made, and where it would go. */
export type Plan = {
  commit: CommitId
  ref: RefName | null
  /** null until every artifact exists. */
  release: ReleaseId | null
  /** Digest of the whole plan. */
  hash: PlanHash
  services: PlannedService[]
  environments: PlannedEnvironment[]
  steps: PlannedStep[]
}

export type PlannedService = {
  name: ServiceName
  inputHash: InputHash
  artifact: Digest | null
  action: 'build' | 'reuse'
  reasons: Reason[]
}

export type EnvironmentAction = 'deploy' | 'none' | 'wait' | 'refuse'

export type PlannedEnvironment = {
  name: EnvironmentName
  action: EnvironmentAction
  reasons: Reason[]
  /** The hash an approval binds to; null where no deployment can be planned yet. */
  plan: PlanHash | null
  services: PlannedDeploy[]
}

export type PlannedDeploy = {
  name: ServiceName
  from: Digest | null
  to: Digest | null
  action: 'deploy' | 'remove' | 'none'
  reasons: Reason[]
  /** What its platform says it would do. Absent where it says nothing. */
  preview?: Preview
}

export type StepKind = 'check' | 'build' | 'release' | 'hook' | 'rollout' | 'remove' | 'verify' | 'tag'

export type PlannedStep = {
  /** `check:carts/test`, `build:carts`, `release`, `stage/rollout:carts`: unique within a plan. */
  id: string
  kind: StepKind
  needs: string[]
  reasons: Reason[]
}

/** A deployment of one release to one environment, complete: the engine needs nothing else to carry it out. */
export type DeploymentPlan = {
  environment: EnvironmentName
  /** What runs now. */
  from: ReleaseId | null
  to: ReleaseId
  view: ViewHash
  hash: PlanHash
  /** What the hash covers, part by part, so that a void approval can say what moved. */
  covers: Record<string, string>
  services: PlannedDeploy[]
  steps: DeploymentStep[]
}

export type DeploymentStep = PlannedStep &
  (
    | {
        kind: 'hook'
        phase: 'before' | 'after' | 'rollback'
        hook: Hook /** Definition and artifact; the same key does not run twice. */
        key: string
        artifact: Digest
        target: TargetName
      }
    | {
        kind: 'rollout'
        service: ServiceName
        target: TargetName
        desired: DesiredService
        from: Digest | null
        strategy: RolloutStrategy
        /** Those its stages name. Absent where it has no stages. */
        verifications?: Verification[]
        /** What its platform said it would do, and shall do: this and nothing else. */
        preview?: Preview
      }
    | { kind: 'remove'; service: ServiceName; target: TargetName }
    | { kind: 'verify'; verification: Verification }
    | { kind: 'tag'; artifacts: Digest[]; tags: string[] }
  )

/** What instances of a service are made of. Nothing here varies by commit or release name (invariant 3). */
export type DesiredService = {
  artifact: Digest
  /** Digest over all below and the artifact; secrets count by fingerprint, beside it. */
  generation: string
  run: Run
  env: Record<string, EnvironmentVariable>
  fingerprint: Fingerprint | null
  /** Of a service that is described for a cluster. Absent for others. */
  deploy?: DeployInputs
}
