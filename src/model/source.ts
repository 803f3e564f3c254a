/** What git says: commits, trees, refs. Read only. */
import type { CommitId, ObjectId, RefName } from './identity.ts'

export type Signature = { name: string; email: string /** ISO 8601. */; at: string }

export type Commit = {
  id: CommitId
  tree: ObjectId
  parents: CommitId[]
  author: Signature
  committer: Signature
  subject: string
  body: string
}

/** `file` 100644, `executable` 100755, `symlink` 120000, `submodule` 160000. */
export type EntryMode = 'file' | 'executable' | 'symlink' | 'submodule'

/**
 * One path of a commit. Bytes that are not UTF-8 stand as lone surrogates U+DC80…U+DCFF (one a byte),
 * so that every path has exactly one string and comes back to its own bytes.
 */
export type TreeEntry = { path: string; mode: EntryMode; oid: ObjectId }

/** All paths of one commit, each once; submodules included, directories not. An array of entries is one. */
export type Tree = Iterable<TreeEntry> & { readonly length: number; at(position: number): TreeEntry | undefined }

export type PathChange = {
  path: string
  kind: 'added' | 'removed' | 'modified' | 'mode-changed'
  from: TreeEntry | null
  to: TreeEntry | null
}

/** A ref moved (or is said to have). */
export type RefEvent = {
  ref: RefName
  commit: CommitId
}
