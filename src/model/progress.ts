/** What happens while it happens, for the live view and for CI logs. Never a source of truth. */
import type { CommitId, Digest, EnvironmentName, RefName, ServiceName } from './identity.ts'
import type { OutcomeKind } from './outcome.ts'
import type { PlannedService, PlannedStep } from './plan.ts'
import type { Reason } from './reason.ts'

export type Progress =
  /** Where a commit is on its way to; gates have not been asked yet. */
  | {
      kind: 'routed'
      commit: CommitId
      ref: RefName
      environments: Array<{ name: EnvironmentName; reasons: Reason[] }>
    }
  /** What it takes to make a commit's release; not told where that is on record. */
  | { kind: 'release-planned'; commit: CommitId; services: PlannedService[]; steps: PlannedStep[] }
  /** Steps of a deployment, known once its release exists; `back` are those of a way back to `version`. */
  | {
      kind: 'deployment-planned'
      environment: EnvironmentName
      version: string
      direction: 'forward' | 'back'
      steps: PlannedStep[]
    }
  | { kind: 'step-started'; step: string; environment: EnvironmentName | null; title: string }
  | { kind: 'step-log'; step: string; line: string }
  /** Instances of a rollout as they change. */
  | {
      kind: 'instances'
      step: string
      environment: EnvironmentName
      service: ServiceName
      ready: number
      desired: number
      old: number
      /** Of a rollout in stages. */
      stage?: StageProgress
    }
  | {
      kind: 'step-ended'
      step: string
      environment: EnvironmentName | null
      outcome: StepOutcome
      durationMs: number
      detail?: string
      reasons?: Reason[]
      logTail?: string[]
    }
  | { kind: 'built'; service: ServiceName; artifact: Digest; sizeBytes: number }
  | { kind: 'retrying'; step: string; attempt: number; delayMs: number; message: string }
  | { kind: 'environment-ended'; environment: EnvironmentName; outcome: OutcomeKind; reasons: Reason[] }
  | { kind: 'note'; message: string }

/** How far a rollout in stages has come. */
export type StageProgress = {
  /** Percent of new requests for the new set. */
  weight: number
  phase: 'moving' | 'verifying' | 'watching'
}

export type StepOutcome = 'succeeded' | 'reused' | 'skipped' | 'failed' | 'errored' | 'refused' | 'cancelled'
