import type { Commit, CommitId, PathChange } from '../model/index.ts'

/** A commit, and what it changed against its first parent; nothing is told for a commit without one. */
export type HistoryStep = { commit: Commit; changes: PathChange[] }

/** A branch as it grew. */
export type SourceHistory = {
  /** Commits on the first-parent line of `to`, oldest first: behind `from`, or from the first commit where it is null. */
  firstParents(range: { from: CommitId | null; to: CommitId; signal?: AbortSignal }): AsyncGenerator<HistoryStep>
}
