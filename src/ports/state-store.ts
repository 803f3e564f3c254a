import type { Commit, CommitId, RefName } from '../model/index.ts'
import type { HistoryStream } from './history-stream.ts'
import type { Signer } from './signer.ts'

/** One commit to put on a ref: files are given relative to the tip's tree, or to that of `base`. */
export type StateCommit = {
  subject: string
  body: string
  /** Trailers at the end of the message, in order. */
  trailers: ReadonlyArray<readonly [name: string, value: string]>
  author: { name: string; email: string }
  /** ISO 8601. */
  at: string
  /** Path to UTF-8 text. */
  put: Record<string, string>
  remove: string[]
  /** Whose tree it starts from, where the tip's does not count; null: from an empty one. Only of a first commit. */
  base?: CommitId | null
  /** Who signs it, as git signs commits. */
  signer?: Pick<Signer, 'sign'>
}

export type StateUpdate = {
  ref: RefName
  /** The tip this update was decided on; null: the ref must not exist. The push is a compare-and-swap on it. */
  expected: CommitId | null
  /** `append` adds commits, oldest first, as children of `expected`; `replace` puts a parentless commit (leases only); `delete` removes the ref. */
  change: { kind: 'append'; commits: StateCommit[] } | { kind: 'replace'; commit: StateCommit } | { kind: 'delete' }
}

export type PushResult =
  | { kind: 'pushed'; tips: ReadonlyMap<RefName, CommitId | null> }
  /** Someone else moved a ref: nothing at all was pushed. Refresh, decide again. */
  | { kind: 'lost-race' }

/** A commit's signature in its armor, and what it is over. Says nothing until verified. */
export type CommitSignature = { armored: string; payload: Buffer }

export type StateCommitEntry = Commit & { files: Record<string, string>; signature?: CommitSignature | null }

/**
 * The refs that hold all state, in one place (design section 4): a remote, behind a bare cache of our own.
 * Unreachable is an `errored` error (`STATE_UNREACHABLE`), never a silent fallback.
 */
export type StateStore = {
  /** What people call the place: a URL or a path, without credentials. */
  readonly location: string
  /** Reads the remote's tips of the given refs (or every ref under a prefix ending in `/`) and fetches what is new. One round trip when nothing moved. */
  refresh(refs: readonly RefName[], signal: AbortSignal): Promise<ReadonlyMap<RefName, CommitId>>
  /** Files of a fetched commit; absent paths are absent from the answer. */
  readFiles(commit: CommitId, paths: readonly string[]): Promise<Map<string, string>>
  /** Paths of the files in a folder of a fetched commit and below it; none where there is no such folder. */
  listFiles(commit: CommitId, folder: string): Promise<string[]>
  /** Commits of a ref from its tip backwards with the named files of each, newest first. */
  history(tip: CommitId, options: { limit: number; files: readonly string[] }): Promise<StateCommitEntry[]>
  /** Whole histories, where they can be streamed. */
  readonly stream?: HistoryStream
  /** All updates or none (`--atomic`), each a compare-and-swap. */
  push(updates: readonly StateUpdate[], signal: AbortSignal): Promise<PushResult>
}
