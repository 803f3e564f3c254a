import type {
  Actor,
  Candidate,
  DeploymentId,
  DesiredService,
  Digest,
  EnvironmentName,
  Fingerprint,
  PlanHash,
  Preview,
  Reason,
  RolloutStrategy,
  Run,
  ServiceName,
  StageProgress,
  Verdict,
} from '../model/index.ts'
import type { ArtifactStore } from './artifact-store.ts'

/** How far a target can keep a stale controller from writing. */
export type Fencing = 'strict' | 'conditional' | 'lease-only'

export type TargetCapabilities = { drift: boolean; canary: boolean; trafficSplit: boolean; fencing: Fencing }

export type HostObservation = { name: string; instances: { ready: number; desired: number }; url: string | null }

export type ObservedService = {
  /** Generation that takes traffic in full; null where none or a mixture runs. */
  generation: string | null
  /**
   * The target knows bytes alone, not what else a generation is made of: while they are those on record, the generation
   * is the one on record too.
   */
  tells?: 'artifact'
  artifact: Digest | null
  fingerprint: Fingerprint | null
  instances: { ready: number; desired: number }
  /** Public address; null where the service serves nothing. */
  url: string | null
  /** Where it runs on several hosts: each by itself. */
  hosts?: HostObservation[]
  /** A rollout in stages is on its way: percent of new requests that go to the new set. */
  newSet?: { weight: number }
  /** Of infrastructure: values by name that other services are given. */
  outputs?: Record<string, string>
  detail?: string
}

export type Observation =
  | { reachable: true; services: Record<ServiceName, ObservedService> }
  | { reachable: false; reasons: Reason[] }

/** Files that say how a service is deployed: path in the repository to content. */
export type DeployFiles = ReadonlyMap<string, Uint8Array>

export type RolloutRequest = {
  service: ServiceName
  desired: DesiredService
  /** Contents of `desired.deploy.files`; read when first asked for. */
  files(): Promise<DeployFiles>
  /** Resolved variables, secrets included: given to instances, never logged. */
  variables: Record<string, string>
  strategy: RolloutStrategy
  /**
   * What was planned, and approved where that is needed: this is carried out and nothing else. Where another thing would
   * be done by now: refused `PREVIEW_MOVED`.
   */
  preview?: Preview
  /** Takes back what others changed since (see `findDrift`). */
  isRepair?: boolean
}

export type Job = {
  /** Idempotency key: the same key never starts twice; its outcome is remembered by the target. */
  key: string
  name: string
  service: ServiceName
  artifact: Digest
  run: string
  /** How its service runs, for platforms where a job is run in the same way. */
  described?: Run | null
  variables: Record<string, string>
  /** Names of those variables that are secret; absent: any may be, and none is shown in its output. */
  secrets?: readonly string[]
  timeoutMs: number
}

/** `running` and `unknown` only from `jobOutcome`: a controller that came back asks. */
export type JobOutcome =
  | { kind: 'ended'; exitCode: number; logTail: string[] }
  | { kind: 'timed-out'; logTail: string[] }
  | { kind: 'running' }
  /** Started once, and nobody can say how it ended. */
  | { kind: 'unknown' }
  | { kind: 'never-started' }

export type LogLine = { at: string; instance: string; stream: 'stdout' | 'stderr'; text: string }

export type LogQuery = { service: ServiceName; lines: number; follow: boolean }

/** The new set of a service, which has reached a weight and shall be looked at before it goes on. */
export type StageToVerify = {
  service: ServiceName
  weight: number
  /** Names of verifications. */
  verify: readonly string[]
  /** Where the new set alone answers; at 100 that is the service's own address. */
  address: string | null
}

/** What a step is part of, for targets that write it down where people look. */
export type DeploymentNote = {
  id: DeploymentId
  candidate: Candidate
  actor: Actor
  /** Absent where nobody had to approve. */
  approved?: { plan: PlanHash; by: readonly Actor[] }
  /** Rollouts on the same target that may begin when this one may, itself among them. */
  together: ReadonlyArray<{ service: ServiceName; artifact: Digest }>
}

/** A command for `inCheckout`, which see. */
export type CheckoutWork = {
  name: string
  run: string
  /** Laid over the checkout: path to content. */
  files: DeployFiles
  /** Whole environment of the command besides the base. */
  env: Record<string, string>
  /** Values that must not be seen in its output. */
  secrets: readonly string[]
  timeoutMs: number
}

export type TargetContext = {
  signal: AbortSignal
  /** Absent where nothing is deployed: for tasks. */
  deployment?: DeploymentNote
  /** Lease epoch of the controller: a target with strict fencing refuses an older one (refused `STALE_CONTROLLER`). */
  epoch: number
  artifacts: ArtifactStore
  report(update: { ready: number; desired: number; old: number; stage?: StageProgress }): void
  log(line: string): void
  /** Shown at once, where logs of steps are shown at their end: what waits for a person. */
  note?(line: string): void
  /** Between the stages of a rollout: whether it may go on. Absent where nothing is to be verified. */
  verifyStage?(stage: StageToVerify, signal: AbortSignal): Promise<Verdict>
  /**
   * Runs a command of the project's own tools in a clean checkout of the release's commit, after `prepare`. Absent where
   * nothing is deployed.
   */
  inCheckout?(work: CheckoutWork, signal: AbortSignal): Promise<Verdict>
  /** Writes down that a stage is verified wherever it runs, before the platform goes on to the next. Idempotent. */
  stagePassed?(stage: Pick<StageToVerify, 'service' | 'weight'>): Promise<void>
}

/** What a preview is made of lies in artifacts. */
export type PlanContext = Pick<TargetContext, 'signal' | 'artifacts'>

/** Something that a delivery needs. */
export type Examined = { isWell: boolean; message: string; hint?: string }

/** A change that someone made past Trunkline. */
export type Drift = {
  service: ServiceName
  /** What was changed, as people of the platform call it: `Deployment shop/carts`. */
  subject: string
  /** Empty: it is gone. */
  fields: Array<{ path: string; expected: unknown; actual?: unknown; by: { name: string; at: string | null } | null }>
}

/** Facts a platform adds to a plan before it is approved. Services without one have nothing to preview. */
export type TargetPreview = { previews: Record<ServiceName, Preview> }

/**
 * A platform under one environment. Every effect is idempotent: it observes first, does what is missing, and
 * running it twice changes nothing. `failed` verdicts are returned; faults of the world are thrown (`errored`).
 */
export type Target = {
  readonly kind: string
  readonly environment: EnvironmentName
  readonly capabilities: TargetCapabilities
  /** What to do in place of a rollout in stages, where `capabilities` has none; a hint for people. */
  readonly insteadOfStages?: string
  /** Rollouts that may be under way side by side, where the platform does the work and this process only waits. */
  readonly rolloutsAtOnce?: number
  /** One write brings all rollouts that begin together: where it is refused, none of them has changed anything. */
  readonly writesAtOnce?: true
  observe(services: readonly ServiceName[], signal: AbortSignal): Promise<Observation>
  /** Keyed digests of what each service would receive; the key lies at the target beside the secrets. */
  fingerprint(
    variables: Record<ServiceName, Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Record<ServiceName, Fingerprint>>
  plan(requests: readonly RolloutRequest[], context: PlanContext): Promise<TargetPreview>
  /**
   * Why a service cannot be rolled out in the way it asks for, by how it is described and where it goes: asked when
   * planning. Absent where `capabilities` says it all. Changes nothing.
   */
  objectionsTo?(request: RolloutRequest, signal: AbortSignal): Promise<Reason[]>
  /** Rolls one service to the desired generation. On a failed verdict the old generation is serving again, in full. */
  ensure(request: RolloutRequest, context: TargetContext): Promise<Verdict>
  remove(service: ServiceName, context: TargetContext): Promise<Verdict>
  /** Whether the service still is what was ensured, and healthy. */
  verify(request: RolloutRequest, context: TargetContext): Promise<Verdict>
  /** Runs a hook or task to its end. An already ended job with this key answers at once. */
  runJob(job: Job, context: TargetContext): Promise<JobOutcome>
  jobOutcome(key: string, signal: AbortSignal): Promise<JobOutcome>
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
  /** Where the platform can tell by itself: what is not as it was ensured. Changes nothing. */
  findDrift?(services: readonly ServiceName[], signal: AbortSignal): Promise<Drift[]>
  /** The same, where a platform must be told what was brought there: asked when a person asks, for it takes its time. */
  findDriftOf?(requests: readonly RolloutRequest[], context: PlanContext): Promise<Drift[]>
  /** Whether each delivery puts such changes back; else only a person's word does. */
  readonly repairsDrift?: boolean
  /** For `doctor`: whether what a delivery needs there (rights, tokens) is given. Asks, and changes nothing. */
  examine?(services: readonly ServiceName[], signal: AbortSignal): Promise<Examined[]>
  /** Lets go of connections; the target may be used again. */
  close?(): Promise<void>
}
