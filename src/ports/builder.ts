import type {
  ArtifactRecipe,
  BuildEnvironment,
  CommitId,
  Digest,
  EsbuildRecipe,
  InputHash,
  Prepare,
  ServiceName,
  TreeEntry,
  Verdict,
} from '../model/index.ts'
import type { PackedArtifact } from './artifact-store.ts'

/** An input file as a build sees it; with `keys`, only those keys of it are laid down. */
export type InputFile = TreeEntry & { keys?: string[] }

export type PrepareRequest = Prepare & { hash: InputHash; files: InputFile[] }

export type WorkRequest = {
  commit: CommitId
  service: ServiceName
  /** Exactly these are in the working directory, and nothing else. */
  files: InputFile[]
  prepare: PrepareRequest | null
  env: BuildEnvironment
  tools: Record<string, string>
  /** Artifacts to unpack at `.trunkline/needs/<service>`. */
  needs: Record<ServiceName, Digest>
  timeoutMs: number
}

export type CheckRequest = WorkRequest & { check: string; run: string; hash: InputHash }
export type BuildRequest = WorkRequest & {
  run: string | null
  /** Bundled after `run`, by the esbuild that the build has in its own `node_modules`. */
  esbuild?: EsbuildRecipe
  recipe: ArtifactRecipe
  hash: InputHash
}
/** A command in a clean checkout of the commit, after `prepare`: verification, or a tool that deploys from there. */
export type CheckoutRequest = {
  commit: CommitId
  prepare: PrepareRequest | null
  /** Laid over the checkout: path to content. */
  files?: ReadonlyMap<string, Uint8Array>
  /** What it is called where it fails; default `verification`. */
  name?: string
  run: string
  /** Whole environment of the command besides the base; values may be secret. */
  env: Record<string, string>
  timeoutMs: number
}

export type BuildResult =
  | {
      kind: 'built'
      artifact: PackedArtifact /** Start and end, ISO 8601, for provenance. */
      startedAt: string
      endedAt: string
    }
  | { kind: 'failed'; verdict: Verdict & { ok: false } }

export type WorkContext = {
  signal: AbortSignal
  /** One line of output, masked, without its newline. */
  log(line: string): void
  /** Values that must never appear in output. */
  secrets: readonly string[]
}

/** Runs what a commit brings, each in a clean directory, with bounds on time and output; the process group dies with it. */
export type Builder = {
  check(request: CheckRequest, context: WorkContext): Promise<Verdict>
  build(request: BuildRequest, context: WorkContext): Promise<BuildResult>
  runInCheckout(request: CheckoutRequest, context: WorkContext): Promise<Verdict>
  /** Deletes the directory a result's artifact lies in. */
  discard(artifact: PackedArtifact): Promise<void>
  /** Who builds here, for records: `user@host` or the CI job. */
  readonly identity: string
  /** `linux/x64` */
  readonly platform: string
  /** How many checks and builds may run side by side; absent: as many as the engine does of anything. */
  readonly atOnce?: number
  /** Lets go of what was kept for a controller that comes back: all that was found out is on record. */
  close?(): Promise<void>
}
