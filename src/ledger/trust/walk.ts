/** Back through a ref's history, a few commits at first and more with every page: what counts is mostly at the tip. */
import type { CommitId, RefName } from '../../model/index.ts'
import { erroredError } from '../../model/index.ts'
import type { StateCommitEntry, StateStore } from '../../ports/index.ts'

const firstPage = 1
const growth = 8
const largestPage = 2048
/** So many commits on top of the last one that counts are no accident. */
const maxWalk = 50_000

export async function* walkBack(
  store: StateStore,
  ref: RefName,
  tip: CommitId,
  files: readonly string[],
): AsyncGenerator<StateCommitEntry> {
  let walked = 0
  let next: CommitId | undefined = tip
  for (let limit = firstPage; next !== undefined; limit = Math.min(limit * growth, largestPage)) {
    const page: StateCommitEntry[] = await store.history(next, { limit, files })
    for (const entry of page) {
      assertOneLine(ref, entry)
      yield entry
    }
    walked += page.length
    if (walked > maxWalk) {
      throw erroredError('HISTORY_FLOODED', `more than ${maxWalk} commits on ${ref} are not signed by a builder`, {
        hint: `put ${ref} back to its last signed commit, and see who may push there`,
      })
    }
    next = page.at(-1)?.parents[0]
  }
}

/** Two parents could lead back to an older state though nothing was rewritten. */
function assertOneLine(ref: RefName, { id, parents }: StateCommitEntry): void {
  if (parents.length <= 1) return
  throw erroredError('HISTORY_FORKED', `${id.slice(0, 12)} on ${ref} is a merge: a history of state has one line`, {
    hint: `no Trunkline wrote it; put ${ref} back to the signed one of its parents: ${parents.map((parent) => parent.slice(0, 12)).join(', ')}`,
  })
}
