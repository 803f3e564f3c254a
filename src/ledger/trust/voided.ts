/** What was pushed and counts for nothing, as people are told. */
import type { CommitId, EventKind, Reason, RefName } from '../../model/index.ts'
import { reason, short } from '../../model/index.ts'
import type { StateCommitEntry } from '../../ports/index.ts'

export type Voided = {
  ref: RefName
  commit: CommitId
  /** What it says it is; null where it cannot be read. */
  kind: EventKind | null
  /** A sentence with its evidence. */
  reason: Reason
}

export function voidedCommit(ref: RefName, entry: StateCommitEntry, kind: EventKind | null, why: Reason): Voided {
  const subject = entry.subject.slice(0, 100)
  const message = `${JSON.stringify(subject)} (${short(entry.id)}, by ${entry.committer.email}) on ${ref} counts for nothing: ${why.message}`
  const evidence = {
    commit: entry.id,
    ref,
    hint: why.hint ?? `look at it: git show ${short(entry.id)}; then: trunkline verify-ledger`,
  }
  return { ref, commit: entry.id, kind, reason: reason(why.code, message, evidence) }
}
