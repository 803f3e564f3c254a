/** The newest commits of a history, read no further than asked: so a shallow clone shows all it has. */
import type { Commit, CommitId } from '../model/index.ts'

/** At most `limit` commits reachable from `tip`, the newest (by committer's time) first. */
export async function newestCommits(
  tip: CommitId,
  limit: number,
  read: (id: CommitId) => Promise<Commit>,
): Promise<Commit[]> {
  const newest: Commit[] = []
  const seen = new Set<CommitId>([tip])
  // Oldest first, so that the newest is at hand; histories have few open ends at a time.
  const open = limit > 0 ? [await read(tip)] : []
  for (let commit = open.pop(); commit !== undefined; commit = open.pop()) {
    newest.push(commit)
    if (newest.length >= limit) break
    const parents = commit.parents.filter((id) => !seen.has(id))
    for (const id of parents) seen.add(id)
    for (const parent of await Promise.all(parents.map(read))) insertByTime(open, parent)
  }
  return newest
}

function insertByTime(open: Commit[], commit: Commit): void {
  const at = open.findLastIndex((other) => other.committer.at <= commit.committer.at)
  open.splice(at + 1, 0, commit)
}
