/** The ledger of one environment: its events and the state they add up to (`event.json`, `state.json`). */
import type {
  CommitId,
  DeploymentId,
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
import type { Reaction } from './project.ts'
import type { Reason } from './reason.ts'

export type Actor = { name: string; email: string }

export type EventKind =
  | 'started'
  | 'succeeded'
  | 'failed'
  | 'errored'
  | 'refused'
  | 'aborted'
  | 'rolled-back'
  | 'verified'
  | 'approved'
  | 'rejected'
  | 'held'
  | 'resumed'
  | 'yanked'
  | 'waiting'
  | 'hook-started'
  | 'hook-ended'
  | 'adopted'

/** What is to run, or runs: a release as one environment sees it, and how it came there. */
export type Candidate = {
  release: ReleaseId
  view: ViewHash
  commit: CommitId
  /** null for `deploy` and `rollback`, which name no ref. */
  ref: RefName | null
  /** What people call it: the tag's name, else the short commit. */
  version: string
  author: Actor
}

type EventBase = {
  version: 1
  /** Counts from 1 without gaps. */
  seq: number
  /** ISO 8601, UTC. */
  at: string
  actor: Actor
  environment: EnvironmentName
  reasons: Reason[]
}

/** One fact. `applyEvent` folds them into `EnvironmentState`; nothing else changes that state. */
export type LedgerEvent = EventBase & EventDetail

export type EventDetail =
  | {
      kind: 'started'
      deployment: DeploymentId
      trigger: Trigger
      candidate: Candidate
      plan: PlanHash
      /** Services this deployment touches. */
      services: ServiceName[]
      /** Where it rolls them out: there they may run, whatever becomes of it. Absent in older ledgers. */
      places?: Record<ServiceName, TargetName>
      /** Digests of what its platforms said they would do. Absent where none said anything. */
      previews?: Record<ServiceName, string>
    }
  /** `deployment` is null when the release changes nothing here: one event and no rollout. */
  | {
      kind: 'succeeded'
      deployment: DeploymentId | null
      trigger: Trigger
      candidate: Candidate
      services: Record<ServiceName, RunningService>
      hooks: Record<string, string>
      unyanks: number
    }
  /** With `stage` it says that of a part of the way alone: the release is verified by the event without. */
  | { kind: 'verified'; deployment: DeploymentId | null; candidate: Candidate; unyanks: number; stage?: PassedStage }
  /** `deployment` is null where the release itself could not be made (a red check, a failed build). */
  | {
      kind: 'failed'
      deployment: DeploymentId | null
      candidate: Attempt
      step: string | null
      logTail: string[]
      reactions: Reaction[]
    }
  | {
      kind: 'errored'
      deployment: DeploymentId | null
      candidate: Attempt
      step: string | null
      logTail: string[]
    }
  /** Policy where it should run said no (a quota, another's field, a missing right): no verdict on the release. */
  | {
      kind: 'refused'
      deployment: DeploymentId
      candidate: Candidate
      step: string
      logTail: string[]
      /** Never a yank. */
      reactions: Reaction[]
      /** Other steps had begun: what runs is a mixture until it is rolled back. */
      isPartial: boolean
    }
  | { kind: 'aborted'; deployment: DeploymentId }
  | {
      kind: 'rolled-back'
      deployment: DeploymentId
      trigger: Trigger
      from: ReleaseId | null
      candidate: Candidate | null
      services: Record<ServiceName, RunningService>
      hooks: Record<string, string>
    }
  | { kind: 'waiting'; waiting: Waiting }
  | { kind: 'approved'; plan: PlanHash }
  /** Takes `candidate` out of the queue; null: whatever waits. */
  | { kind: 'rejected'; plan: PlanHash | null; candidate: Attempt | null }
  /** `deployment` where a failed deployment that cannot be rolled back is left in place; absent: by a person's hand. */
  | { kind: 'held'; deployment?: DeploymentId }
  | { kind: 'resumed' }
  /** A note in this environment's history; the ban itself stands in `refs/trunkline/yanks`. */
  | { kind: 'yanked'; release: ReleaseId | null; artifact: Digest | null; deployment: DeploymentId | null }
  | {
      kind: 'hook-started'
      deployment: DeploymentId
      hook: string
      key: string
      service: ServiceName
      irreversible: boolean
      /** Absent for tasks. */
      phase?: 'before' | 'after' | 'rollback'
    }
  | {
      kind: 'hook-ended'
      deployment: DeploymentId
      hook: string
      key: string
      outcome: 'succeeded' | 'failed' | 'assumed'
      logTail: string[]
    }
  /** A builder vouches for the history as it stands: what was at `tip` counts, whoever signed it. */
  | { kind: 'adopted'; tip: CommitId }

/** A commit on its way to an environment; its release may not exist (yet, or ever). Every `Candidate` is one. */
export type Attempt = Omit<Candidate, 'release' | 'view'> & { release: ReleaseId | null; view: ViewHash | null }

/** A stage of one service's rollout, verified. */
export type PassedStage = {
  service: ServiceName
  /** Percent of new requests that the new set has reached. */
  weight: number
  /** Counts from 1. */
  step: number
  of: number
  /** The weight of the stage that follows; null after the last. */
  next: number | null
}

/** `carts at 10 %, stage 1 of 3` */
export const stageText = ({ service, weight, step, of }: PassedStage): string =>
  `${service} at ${weight} %, stage ${step} of ${of}`

export type Trigger = 'route' | 'deploy' | 'rollback' | 'retry' | 'reaction'

export type RunningService = {
  artifact: Digest
  inputHash: InputHash | null
  target: TargetName
  /** Digest of artifact, run recipe, deploy inputs and variables' names: what an instance is made of, secrets aside. */
  generation: string
  fingerprint: Fingerprint | null
  /** Digest of its target's settings: a change (replicas, ports) ensures it anew without replacing it. */
  settings: string
}

export type Running = Candidate & {
  deployment: DeploymentId | null
  since: string
  /** Sequence number of the event that made it so. */
  seq: number
  services: Record<ServiceName, RunningService>
}

/** The queue of one. */
export type Waiting = {
  candidate: Attempt
  trigger: Trigger
  /** null while the plan cannot be made yet (upstream still at work). */
  plan: PlanHash | null
  /** What the plan was made from, so that a void approval can say what moved. */
  covers: Record<string, string>
  reasons: Reason[]
  since: string
  /** ISO 8601: when a window opens; null where something else must happen. */
  until: string | null
}

export type Approval = { actor: Actor; plan: PlanHash; at: string }

/** A hook of a deployment, as far as the ledger knows. */
export type KnownHook = {
  hook: string
  service: ServiceName
  irreversible: boolean
  outcome: 'running' | 'succeeded' | 'failed' | 'assumed'
  phase?: 'before' | 'after' | 'rollback'
  /** The deployment that started it, where that is not this one: it was replaced with the outcome unknown. */
  startedBy?: DeploymentId
  /** This deployment started it, too. */
  isBegunAgain?: true
}

/** Whether the deployment that knows this hook has itself had it run: others only remember it. */
export const hasBegun = (hook: KnownHook): boolean =>
  hook.startedBy === undefined || hook.isBegunAgain === true || hook.outcome !== 'running'

export type ActiveDeployment = {
  id: DeploymentId
  trigger: Trigger
  candidate: Candidate
  plan: PlanHash
  startedAt: string
  services: ServiceName[]
  /** What it was begun to do where platforms preview that: digests. Absent where none does. */
  previews?: Record<ServiceName, string>
  /** Hooks of this deployment, by key. */
  hooks: Record<string, KnownHook>
  /** The last stage that each service's rollout has passed. Absent where none has. */
  stages?: Record<ServiceName, PassedStage>
  /**
   * `running` also when its controller died; `reacting` after `failed` or `refused`, until each reaction is done;
   * `errored` and `aborted` stay until someone goes on with them or a newer release replaces them.
   */
  phase: 'running' | 'reacting' | 'errored' | 'aborted'
  /** How often it ended errored: `advance` takes it up again only so often. */
  errors: number
  /** Left to do, in the declared order. */
  reactions: Reaction[]
  failure: { step: string | null; reasons: Reason[]; logTail: string[] } | null
}

export type EnvironmentState = {
  version: 1
  environment: EnvironmentName
  /** Sequence number of the last event folded in; 0 before the first. */
  seq: number
  running: Running | null
  health: 'healthy' | 'degraded' | 'none'
  /** Releases that were healthy here, newest first; bounded. */
  history: Running[]
  /** Views that passed verification here, newest last; bounded (older ones stand in the ledger). */
  verified: Array<{
    view: ViewHash
    release: ReleaseId
    at: string /** Unyanks of that release when it passed. */
    unyanks: number
  }>
  /** Views that failed here; bounded like `verified`. */
  failures: Array<{ view: ViewHash; release: ReleaseId; at: string; deployment: DeploymentId }>
  deployment: ActiveDeployment | null
  /** How the last attempt ended, whatever runs now. */
  last: {
    kind: 'succeeded' | 'failed' | 'errored' | 'refused' | 'aborted' | 'rolled-back'
    deployment: DeploymentId | null
    candidate: Attempt | null
    at: string
    reasons: Reason[]
  } | null
  waiting: Waiting | null
  approvals: Approval[]
  held: { actor: Actor; at: string; reasons: Reason[] } | null
  /** Releases a person rolled back from: routes leave them alone until `resume`. */
  passedOver: ReleaseId[]
  /** Hook name to the key (definition and artifact) it last ran with. */
  hooks: Record<string, string>
  /** Hooks, by key, of deployments that are over and whose outcome nobody knows yet. */
  unresolved?: Record<string, KnownHook>
  /** Targets where services may run besides what `running` says: deployments that did not succeed left them there. */
  placed?: Record<ServiceName, TargetName[]>
  /** Irreversible hooks that ran here, newest last; bounded. Going back past one needs force. */
  irreversible: Array<{ hook: string; deployment: DeploymentId; at: string; seq: number }>
}

/** Bans, under `refs/trunkline/yanks`. */
export type Yank = {
  version: 1
  /** `release` for a release and its failed view, `artifact` for a digest (by explicit word only). */
  subject:
    | { kind: 'release'; release: ReleaseId; views: Array<{ environment: EnvironmentName; view: ViewHash }> }
    | { kind: 'artifact'; artifact: Digest }
  yanked: boolean
  /** How often it was let back in: earlier verification no longer counts. */
  unyanks: number
  actor: Actor
  at: string
  reason: string
  /** How the people know it. */
  label: string | null
}
