/** What happened in a simulated world, as the world saw it: the engine writes none of it. */
import type {
  CommitId,
  Digest,
  EnvironmentName,
  InputHash,
  Progress,
  RefName,
  ServiceName,
} from '../../src/model/index.ts'
import type { BuildRequest, Notification } from '../../src/ports/index.ts'
import type { Split } from '../../src/rollout/index.ts'
import type { Action } from './story.ts'

export type Moment = { atMs: number; process: number }

export type RefMove = Moment & { ref: RefName; from: CommitId | null; to: CommitId | null }

/** What a platform did, at a controller's word. */
export type Effect = Moment & {
  environment: EnvironmentName
  epoch: number
  /** The newest epoch this platform had seen until then. */
  newestEpoch: number
  kind: 'start' | 'admit' | 'drain' | 'stop' | 'settle' | 'remove'
  service: ServiceName
  artifact: Digest | null
  /** Healthy instances that took requests, before and after. */
  servingBefore: number
  serving: number
  /** As many must serve, as far as there were as many. */
  needed: number
  /** Requests that were cut off. */
  dropped: number
  variables: Record<string, string> | null
}

/** How a host of a fleet divided requests, at a controller's word. */
export type Division = Moment & {
  environment: EnvironmentName
  host: string
  service: ServiceName
} & (
    | {
        kind: 'weigh'
        generation: string
        weight: number
        /** As it was until then. */
        before: Split | null
        /** Instances of that generation which take requests. */
        admitted: number
        replicas: number
      }
    | { kind: 'share-equally' }
    | { kind: 'note-verified'; generation: string; weight: number }
    /** A serving instance of another generation than the one on its way is told to go. */
    | { kind: 'old-leaves'; split: Split }
  )

export type JobStart = Moment & {
  environment: EnvironmentName
  epoch: number
  key: string
  name: string
  service: ServiceName
  artifact: Digest
  /** ms from the start of the world; null: nobody will ever know. */
  endsAtMs: number
  exitCode: number | 'lost'
}

export type Built = Moment & {
  inputHash: InputHash
  service: ServiceName
  artifact: Digest
  commit: CommitId
  needs: BuildRequest['needs']
  files: string[]
}

export type ActionRun = {
  action: Action
  process: number
  /** Where a person chose to do it, if not where the story says. */
  environment?: EnvironmentName
  startedMs: number
  endedMs: number | null
  outcome:
    | { kind: 'running' }
    | { kind: 'died' }
    | { kind: 'answered'; answer: unknown }
    | { kind: 'threw'; error: unknown }
    /** There was nothing to do it with. */
    | { kind: 'impossible' }
}

export type Chronicle = {
  refs: RefMove[]
  effects: Effect[]
  divisions: Division[]
  jobs: JobStart[]
  built: Built[]
  verifications: Array<Moment & { environment: EnvironmentName; commit: CommitId; ok: boolean }>
  progress: Array<Moment & { event: Progress }>
  notifications: Array<Moment & { notification: Notification }>
  runs: ActionRun[]
  /** Changes of an environment's secrets. */
  secrets: Array<{ atMs: number; environment: EnvironmentName; value: string }>
  /** For the story: `the remote is away`. */
  weather: Array<{ atMs: number; text: string }>
}

export const emptyChronicle = (): Chronicle => ({
  refs: [],
  effects: [],
  divisions: [],
  jobs: [],
  built: [],
  verifications: [],
  progress: [],
  notifications: [],
  runs: [],
  secrets: [],
  weather: [],
})
