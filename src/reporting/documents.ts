/** What the reading commands answer, as data: `--json` prints it, pages show it. */
import type {
  Actor,
  CommitId,
  DeploymentId,
  Digest,
  EnvironmentName,
  InputHash,
  LedgerEvent,
  PassedStage,
  PlanHash,
  Reason,
  ReleaseId,
  ServiceName,
} from '../model/index.ts'
import type { Drift, HostObservation } from '../ports/index.ts'

/** The document of `status`. */
export type StatusDocument = { environments: EnvironmentStatus[] }

export type EnvironmentStatus = {
  name: EnvironmentName
  release: ReleaseId | null
  commit: CommitId | null
  version: string | null
  /** `unknown`: its target cannot be asked. */
  health: 'healthy' | 'degraded' | 'none' | 'unknown'
  /** ISO 8601: since when this release runs. */
  since: string | null
  held: { actor: Actor; at: string; reasons: Reason[] } | null
  /** The release that runs here has been yanked. */
  yanked: boolean
  /** The deployment under way. */
  deployment: {
    id: DeploymentId
    phase: string
    version: string
    startedAt: string
    /** Of services that are rolled out in stages: the last one that each has passed. Absent where none has. */
    stages?: PassedStage[]
  } | null
  waiting: { version: string; plan: PlanHash | null; reasons: Reason[]; since: string } | null
  /** How the last attempt ended, where that was not well. */
  lastFailure: {
    kind: 'failed' | 'errored' | 'refused'
    version: string
    at: string
    reasons: Reason[]
    /** What the environment went back to by itself. */
    rolledBackTo: { version: string; at: string } | null
  } | null
  /** What could not be asked, and what was pushed to its history and counts for nothing. */
  reasons: Reason[]
  services: ServiceStatus[]
}

export type ServiceStatus = {
  name: ServiceName
  artifact: Digest
  inputHash: InputHash | null
  /** null where the target could not be asked. */
  instances: { ready: number; desired: number } | null
  url: string | null
  /** Where it runs on several hosts: each by itself; `instances` are those of all of them, `url` is the first's. */
  hosts?: HostObservation[]
  /** A rollout in stages is on its way: percent of new requests that go to the new set. */
  newSet?: { weight: number }
  /** What its platform says of it: what it waits for, why it is not well. */
  detail?: string
}

/** One line of `log`: the ledger's commit and the event in it. */
export type LogEntry = {
  oid: CommitId
  event: LedgerEvent
  /** Why it counts for nothing. */
  voided?: Reason
}

/** `where <rev>`: how far a commit has got. */
export type WhereDocument = {
  commit: CommitId
  subject: string
  release: ReleaseId | null
  yanked: boolean
  environments: Array<{
    name: EnvironmentName
    /** `running` runs now; `passed` ran and was replaced; `contained` is in what runs, by ancestry. */
    state:
      | 'running'
      | 'contained'
      | 'passed'
      | 'deploying'
      | 'waiting'
      | 'failed'
      | 'errored'
      | 'cancelled'
      | 'refused'
      | 'not-there'
    version: string | null
    at: string | null
    reasons: Reason[]
  }>
}

/** `why <service>`: why a commit rebuilds a service, or does not. */
export type WhyDocument = {
  service: ServiceName
  commit: CommitId
  action: 'build' | 'reuse'
  inputHash: InputHash
  artifact: Digest | null
  /** The commit whose build is reused, or was compared with. */
  builtFrom: CommitId | null
  reasons: Reason[]
  /** Every input of the service and the rule that made it one. */
  inputs: Array<{ input: string; rule: string; files: number }>
}

/** `diff <env> <env|rev>`: what differs between two places. */
/** What was changed past Trunkline in one environment. */
export type DriftDocument = {
  environment: EnvironmentName
  version: string | null
  drift: Drift[]
  /** Why it is not all there is to tell. */
  reasons: Reason[]
}

export type DiffDocument = {
  from: DiffSide
  to: DiffSide
  services: Array<{
    name: ServiceName
    change: 'same' | 'changed' | 'added' | 'removed'
    from: Digest | null
    to: Digest | null
    reasons: Reason[]
  }>
  /** Commits in `to` that are not in `from`, newest first; and the other way round. */
  commits: DiffCommit[]
  missing: DiffCommit[]
}

export type DiffSide = { label: string; version: string | null; commit: CommitId | null }
export type DiffCommit = { id: CommitId; subject: string; author: string }
