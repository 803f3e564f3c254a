/** Which ref moved to which commit: by word, else by the CI's variables, else the branch checked out here. */
import type { OpenedSourceRepository, WorkingCopy } from '../git/index.ts'
import {
  type CommitId,
  isObjectId,
  type RefEvent,
  type RefName,
  type TrunklineError,
  usageError,
} from '../model/index.ts'
import { ciEvent } from './ci-event.ts'
import { noCommits } from './project-file.ts'
import { findRemoteRef } from './revisions.ts'

export type EventPlace = {
  source: OpenedSourceRepository
  workingCopy: WorkingCopy
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** Usage errors `NO_REF`, `UNKNOWN_REF`, `NOT_PUSHED`, and those of an unknown commit. */
export async function findRefEvent(place: EventPlace, ref: string | null, commit: string | null): Promise<RefEvent> {
  const { source, signal } = place
  if (ref !== null) {
    const named = (await findRemoteRef(source, ref, signal)) ?? (ref.startsWith('refs/') ? ref : null)
    if (named === null) throw unknownRef(JSON.stringify(ref))
    return await eventOf(place, named, commit)
  }
  const ci = ciEvent(place.environment)
  if (ci !== null) {
    if (ci.ref === null) throw noRef(`${ci.ci} says no branch or tag`, ci.hint)
    return await eventOf(place, ci.ref, commit ?? ci.commit)
  }
  const { branch, head } = place.workingCopy
  if (head === null) throw noCommits()
  if (branch === null) throw noRef('no branch is checked out here')
  return commit === null ? await eventOfBranch(place, branch, head) : await eventOf(place, branch, commit)
}

/** Without a commit: the ref's own at the remote. */
async function eventOf({ source, signal }: EventPlace, ref: RefName, wanted: string | null): Promise<RefEvent> {
  if (wanted !== null && isObjectId(wanted)) {
    const commit = wanted as CommitId // An object that is no commit is found out when it is read.
    await source.ensureCommit(commit, ref, signal)
    return { ref, commit: await source.resolve(commit) }
  }
  if (wanted !== null) return { ref, commit: await source.resolve(wanted) }
  const tip = await source.remoteTip(ref, signal)
  if (tip === null) throw unknownRef(ref)
  await source.ensureCommit(tip, ref, signal)
  return { ref, commit: tip }
}

/** Commits that are here and not there would be left out silently: that is a mistake, not a wish. */
async function eventOfBranch({ source, signal }: EventPlace, ref: RefName, head: CommitId): Promise<RefEvent> {
  const tip = await source.remoteTip(ref, signal)
  if (tip === null) throw unknownRef(ref)
  if (head !== tip && (await source.has(tip)) && (await source.isAncestor(tip, head))) {
    throw usageError('NOT_PUSHED', `${head.slice(0, 7)} is not pushed yet: the remote has ${tip.slice(0, 7)}`, {
      hint: `git push first; or deliver what the remote has: trunkline deliver --ref ${ref.replace('refs/heads/', '')}`,
    })
  }
  await source.ensureCommit(tip, ref, signal)
  return { ref, commit: tip }
}

const noRef = (why: string, hint = 'say which ref moved: trunkline deliver --ref main'): TrunklineError =>
  usageError('NO_REF', why, { hint })

function unknownRef(ref: string): TrunklineError {
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/.exec(ref) ?? []
  const called = name === undefined ? `branch or tag ${ref}` : `${kind === 'tags' ? 'tag' : 'branch'} ${name}`
  const hint =
    name === undefined ? 'push it first; git ls-remote lists what is there' : `push it first: git push origin ${name}`
  return usageError('UNKNOWN_REF', `the remote has no ${called}`, { hint })
}
