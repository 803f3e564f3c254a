/** What one environment is asked to take, and the answer to that. */
import type {
  Candidate,
  DeploymentId,
  EnvironmentPolicy,
  InputHash,
  OutcomeKind,
  Project,
  Reason,
  Release,
  ServiceName,
  Trigger,
} from '../../model/index.ts'
import type { Engine, EnvironmentResult } from '../engine.ts'
import type { HookDecision } from './step-context.ts'

export type DeployRequest = {
  project: Project
  policy: EnvironmentPolicy
  candidate: Candidate
  release: Release
  inputHashes: Record<ServiceName, InputHash>
  trigger: Trigger
  arrival: Arrival
  hookDecision: HookDecision
  signal: AbortSignal
}

/**
 * How it came, which says what becomes of another release that waits:
 * `new` is newer and takes its place; `queued` gives way where the queue holds another by now; `again` (a retry, a dead
 * controller's work) is older and leaves it alone. `follow-up` is `queued` by another environment's delivery, which
 * may lack what this one needs: then it goes on waiting, and nobody is alarmed.
 */
export type Arrival = 'new' | 'queued' | 'again' | 'follow-up'

export function resultOf(
  engine: Engine,
  request: Pick<DeployRequest, 'policy'>,
  outcome: OutcomeKind,
  reasons: Reason[],
  deployment: DeploymentId | null,
): EnvironmentResult {
  engine.world.progress({ kind: 'environment-ended', environment: request.policy.name, outcome, reasons })
  return { name: request.policy.name, outcome, reasons, deployment }
}
