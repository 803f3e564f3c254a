import type { Commit, CommitId, ObjectId, PathChange, RefName, Tree } from '../model/index.ts'

/** The project's git repository, read only: a clone, bare, blobless or shallow; and the refs of its remote. */
export type SourceRepository = {
  /** Resolves a revision to a commit. Unknown: usage error; cut off by a shallow clone: usage error with the fix. */
  resolve(revision: string): Promise<CommitId>
  commit(id: CommitId): Promise<Commit>
  /** Whether the commit's objects are here (fetching none). */
  has(id: ObjectId): Promise<boolean>
  /** The whole tree of a commit, in one git call; cached by commit. */
  tree(commit: CommitId): Promise<Tree>
  /** Contents of blobs, in one batch; missing ones of a blobless clone are fetched at once first. */
  readBlobs(oids: readonly ObjectId[]): Promise<Map<ObjectId, Uint8Array>>
  /** One file of a commit, or null. */
  readFile(commit: CommitId, path: string): Promise<Uint8Array | null>
  isAncestor(ancestor: CommitId, descendant: CommitId): Promise<boolean>
  /** Commits reachable from `to` and not from `from`, newest first, at most `limit`. */
  commitsBetween(from: CommitId | null, to: CommitId, limit: number): Promise<Commit[]>
  /** Paths that differ between two commits; renames appear as removed and added. */
  changes(from: CommitId, to: CommitId): Promise<PathChange[]>
  /**
   * Several refs' commits (tags peeled) at the state remote in one round trip (`refs/tags/`: all below it), and the branch its HEAD names (null: none,
   * or no remote), whose tip is always among them.
   */
  remoteRefs(
    refs: readonly RefName[],
    signal: AbortSignal,
  ): Promise<{ head: RefName | null; tips: ReadonlyMap<RefName, CommitId> }>
  /** A ref's commit (tags peeled) at the state remote, now; null where it is gone. */
  remoteTip(ref: RefName, signal: AbortSignal): Promise<CommitId | null>
  /** Fetches a commit from the remote into Trunkline's own cache where it is missing here. */
  ensureCommit(commit: CommitId, ref: RefName, signal: AbortSignal): Promise<void>
}
