import type { CommitId, ObjectId, RefName } from '../model/index.ts'
import type { StateCommitEntry } from './state-store.ts'

/** A commit with what stands at the root of its tree, by name. */
export type StreamedCommit = StateCommitEntry & { roots: Record<string, ObjectId> }

/** What one commit did to one path, against its first parent. */
export type StreamedChange = { path: string; before: ObjectId | null; after: ObjectId | null }

/** Whole histories, from their beginning and a page at a time: for checking, not for working. */
export type HistoryStream = {
  /** Every commit that the tip reaches, parents first. `files` stand at the root of the tree. */
  pages(tip: CommitId, files: readonly string[]): AsyncGenerator<StreamedCommit[]>
  /** In the order of the commits. */
  changes(commits: readonly CommitId[]): Promise<StreamedChange[][]>
  blobs(ids: readonly ObjectId[]): Promise<ReadonlyMap<ObjectId, string>>
  /** The id that git gives the text that these pieces make. */
  blobId(pieces: readonly Uint8Array[]): ObjectId
  /** The tips that this machine has seen last, without asking anybody. */
  lastSeen(refs: readonly RefName[]): Promise<ReadonlyMap<RefName, CommitId>>
}
