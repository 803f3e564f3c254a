/** Pure: what a deployment is planned from. */
import type {
  Digest,
  EnvironmentPolicy,
  EnvironmentState,
  Fingerprint,
  Preview,
  Reason,
  Release,
  ServiceName,
} from '../model/index.ts'

/** What a target says runs of one service now; null: nothing. */
export type SeenService = {
  generation: string | null
  artifact: Digest | null
  fingerprint: Fingerprint | null
  isHealthy: boolean
  /** What others changed, and shall be put back. Absent where nothing was. */
  changed?: Reason
}

export type DeploymentFacts = {
  policy: EnvironmentPolicy
  state: EnvironmentState
  release: Release
  /** The release in `state.running`, where it can still be read: for reasons and for rollback hooks. */
  runningRelease: Release | null
  /** By service; `unknown` where its target could not be asked (planning goes by the ledger then). */
  seen: Record<ServiceName, SeenService | null | 'unknown'>
  /** Of the variables each service would receive now; absent: unknown. */
  fingerprints: Record<ServiceName, Fingerprint>
  previews: Record<ServiceName, Preview>
  /** Human names the release's artifacts get in the store (short sha, git tag). */
  tags: string[]
  /** Whether this environment has verified the view already, and still may lean on it. */
  isVerified: boolean
  /** A way back runs no before/after hooks but the declared rollback hooks, in reverse (invariant 10). */
  direction: 'forward' | 'back'
  /** Of a way back: the release being left (its rollback hooks run, in its artifacts) and the hooks that ran with it. */
  leaving: { release: Release; hooksRun: ReadonlySet<string> } | null
}
