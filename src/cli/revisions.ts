/** What people call a commit: a revision of the clone, or a branch or tag of the remote. */
import type { OpenedSourceRepository, WorkingCopy } from '../git/index.ts'
import type { CommitId, RefName } from '../model/index.ts'
import { isObjectId, TrunklineError } from '../model/index.ts'
import { noCommits } from './project-file.ts'

/** A commit, and the ref at the remote that stands for it where the words named one. */
export type Revision = { commit: CommitId; ref: RefName | null }

/**
 * As git reads it in the clone, else a branch or tag that only the remote has. `ref` is set where the remote's ref of
 * that name is at the same commit. Usage error `UNKNOWN_REVISION`.
 */
export async function resolveRevision(
  source: OpenedSourceRepository,
  text: string,
  signal: AbortSignal,
): Promise<Revision> {
  const candidates = refsCalled(text)
  const { tips } =
    candidates.length === 0 ? { tips: new Map<RefName, CommitId>() } : await source.remoteRefs(candidates, signal)
  try {
    const commit = await source.resolve(text)
    return { commit, ref: candidates.find((ref) => tips.get(ref) === commit) ?? null }
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.code !== 'UNKNOWN_REVISION') throw error
    // `tips` holds more than what was asked for: the branch of the remote's HEAD, too.
    const ref = candidates.find((candidate) => tips.has(candidate))
    const commit = ref === undefined ? undefined : tips.get(ref)
    if (ref === undefined || commit === undefined) throw error
    await source.ensureCommit(commit, ref, signal)
    return { commit, ref }
  }
}

/** The full name of a branch or tag at the remote; null where there is none of that name. */
export async function findRemoteRef(
  source: OpenedSourceRepository,
  text: string,
  signal: AbortSignal,
): Promise<RefName | null> {
  const candidates = refsCalled(text)
  if (candidates.length === 0) return null
  const { tips } = await source.remoteRefs(candidates, signal)
  return candidates.find((ref) => tips.has(ref)) ?? null
}

/** What `plan` looks at: a revision (default: HEAD), as the ref it is or as if a ref moved there. */
export async function placeToPlan(
  { source, workingCopy, signal }: { source: OpenedSourceRepository; workingCopy: WorkingCopy; signal: AbortSignal },
  revision: string | null,
  ref: string | null,
): Promise<Revision> {
  if (ref !== null) {
    const full = (await findRemoteRef(source, ref, signal)) ?? refToBe(ref)
    const commit =
      revision === null
        ? ((await tipToPlan(source, full, signal)) ?? (await source.resolve('HEAD')))
        : (await resolveRevision(source, revision, signal)).commit
    return { commit, ref: full }
  }
  if (revision === null) {
    if (workingCopy.head === null) throw noCommits()
    return { commit: workingCopy.head, ref: workingCopy.branch }
  }
  const found = await resolveRevision(source, revision, signal)
  return { ...found, ref: found.ref ?? (found.commit === workingCopy.head ? workingCopy.branch : null) }
}

async function tipToPlan(source: OpenedSourceRepository, ref: RefName, signal: AbortSignal): Promise<CommitId | null> {
  const tip = await source.remoteTip(ref, signal)
  if (tip !== null) await source.ensureCommit(tip, ref, signal)
  return tip
}

/** Not there yet: a name like a version is a tag to be, anything else a branch. */
function refToBe(name: string): RefName {
  if (name.startsWith('refs/')) return name
  return /^(v?\d|rc-)/.test(name) ? `refs/tags/${name}` : `refs/heads/${name}`
}

/** Full names that a word may stand for, tags first as in git; none where it can be no ref's name (an id, `HEAD~2`). */
function refsCalled(text: string): RefName[] {
  if (isObjectId(text) || text === 'HEAD' || !couldBeRefName(text)) return []
  return text.startsWith('refs/') ? [text] : [`refs/tags/${text}`, `refs/heads/${text}`]
}

/** git-check-ref-format; what is no ref name must not become a pattern for `ls-remote`. */
const couldBeRefName = (text: string): boolean =>
  /^[^-/\p{Cc} ~^:?*[\\][^\p{Cc} ~^:?*[\\]*$/u.test(text) && !/\.\.|@\{|\/\/|[/.]$|^\.|\/\./.test(text) && text !== '@'
