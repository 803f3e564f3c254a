/** `trunkline.yaml` as it stands in a commit: read, parsed, and its absence explained. */
import type { OpenedSourceRepository, WorkingCopy } from '../git/index.ts'
import { type CommitId, type Project, type TrunklineError, usageError } from '../model/index.ts'
import { projectOf } from './project-cache.ts'

export const projectFile = 'trunkline.yaml'

export type ProjectPlace = {
  source: OpenedSourceRepository
  workingCopy: WorkingCopy
  /** Folder of projects that were read before. */
  cacheDirectory: string
}

/** The project of a commit; usage errors for a missing file and for every mistake in it. */
export async function readProject(
  { source, workingCopy, cacheDirectory }: ProjectPlace,
  commit: CommitId,
): Promise<Project> {
  const bytes = await source.readFile(commit, projectFile)
  if (bytes === null) throw await missingProjectFile(source, workingCopy, commit)
  return await projectOf(cacheDirectory, bytes, async () => {
    const { parseProjectOrThrow } = await import('../config/parse-project.ts')
    // As git writes a file of another commit: the mistake is not in the file that the person has open.
    const file = commit === workingCopy.head ? projectFile : `${commit.slice(0, 7)}:${projectFile}`
    return parseProjectOrThrow({ text: new TextDecoder().decode(bytes), file })
  })
}

/** Some commit with a project, to learn where state is: what is checked out, else the remote's HEAD. */
export async function anyProjectCommit(
  source: OpenedSourceRepository,
  { head }: WorkingCopy,
  signal: AbortSignal,
): Promise<CommitId> {
  if (head !== null && (await source.readFile(head, projectFile)) !== null) return head
  const remote = await source.remoteRefs([], signal)
  const tip = remote.head === null ? undefined : remote.tips.get(remote.head)
  if (remote.head !== null && tip !== undefined) {
    await source.ensureCommit(tip, remote.head, signal)
    return tip
  }
  if (head !== null) return head
  throw noCommits()
}

export const noCommits = (): TrunklineError =>
  usageError('NO_COMMITS', 'this repository has no commits yet', {
    hint: `write a ${projectFile}, then: git add ${projectFile} && git commit`,
  })

async function missingProjectFile(
  { local }: OpenedSourceRepository,
  { head }: WorkingCopy,
  commit: CommitId,
): Promise<TrunklineError> {
  const { fileState } = await import('../git/index.ts')
  const configuration = await fileState(local, projectFile)
  const isWritten = configuration === 'untracked' || configuration === 'modified'
  return usageError('NO_CONFIG', `commit ${commit.slice(0, 7)} has no ${projectFile}`, {
    hint:
      isWritten && commit === head
        ? `it is in your working tree but not committed: git add ${projectFile} && git commit`
        : 'write one at the root of the repository and commit it: docs/configuration.md shows how',
  })
}
