import type { Actor, CommitId, EnvironmentPolicy, Progress, Project, TargetName } from '../model/index.ts'
import type { ArtifactStore } from './artifact-store.ts'
import type { Builder } from './builder.ts'
import type { Clock, Random } from './clock.ts'
import type { HttpProbe } from './http-probe.ts'
import type { Notifier } from './notifier.ts'
import type { SelectionCache } from './selection-cache.ts'
import type { SourceRepository } from './source-repository.ts'
import type { StateStore } from './state-store.ts'
import type { Target } from './target.ts'
import type { VariableSource } from './variable-source.ts'

/** Everything outside the engine. A simulated world implements the same type. */
export type World = {
  clock: Clock
  random: Random
  source: SourceRepository
  /** `trunkline.yaml` of a commit, parsed; a usage error with every mistake where it is wrong or missing. */
  projectAt(commit: CommitId): Promise<Project>
  state: StateStore
  artifacts: ArtifactStore
  builder: Builder
  variables: VariableSource
  probe: HttpProbe
  notifier: Notifier
  target(environment: EnvironmentPolicy, name: TargetName): Promise<Target>
  /** Variables of this process: only for names that builds pass through. */
  environment: Readonly<Record<string, string | undefined>>
  /** Absent where every command starts from nothing. */
  selections?: SelectionCache
  /** Who acts here. */
  actor: Actor
  /** Identifies this process as a lease holder, well enough for a neighbour on the same host to tell that it is dead. */
  holder: LeaseHolder
  /** Whether a holder is provably dead (same host, process gone). */
  isHolderDead(holder: LeaseHolder): boolean
  progress(event: Progress): void
  /** Called at every step boundary; tests kill the process here. */
  boundary(name: string): Promise<void> | void
}

export type LeaseHolder = {
  /** Random, one a process. */
  id: string
  /** For people: `anna@laptop pid 4711`. */
  label: string
  /** Host's boot id and process namespace; null where it cannot be told. */
  host: string | null
  pid: number
  /** Process start time, as the kernel says it. */
  startedAt: string | null
}
