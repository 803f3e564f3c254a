/** What a command line needs to know of the folder it was called in. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Actor, type CommitId, isObjectId, type RefName } from '../model/index.ts'
import { configValue, type LocalRepository } from './local-repository.ts'

export type WorkingCopy = {
  /** Top of the working tree; null in a bare repository. */
  root: string | null
  /** The checked-out branch; null where HEAD is detached. */
  branch: RefName | null
  /** null before the first commit. */
  head: CommitId | null
  /** As git would sign a commit; null where no name or no e-mail is configured. */
  user: Actor | null
}

/** How a file in the working tree stands to HEAD; `absent` in a bare repository. */
export type FileState = 'committed' | 'modified' | 'untracked' | 'deleted' | 'absent'

/** Reads it in one git process, whatever the size of the working tree. */
export async function describeWorkingCopy(
  repository: LocalRepository,
  environment: NodeJS.ProcessEnv,
): Promise<WorkingCopy> {
  return { root: repository.root, user: userOf(repository, environment), ...(await readHead(repository)) }
}

/** Looks at one file; git reads all of its index for it. `file` is relative to the root. */
export async function fileState(repository: LocalRepository, file: string): Promise<FileState> {
  if (repository.root === null) return 'absent'
  const status = await repository.git.output([
    'status',
    '--porcelain=v2',
    '--untracked-files=all',
    '--ignored=matching',
    '--no-renames',
    '-z',
    '--',
    `:(top,literal)${file}`,
  ])
  const isPresent = (await stat(join(repository.root, file)).catch(() => null)) !== null
  return stateOf(status.toString('utf8').split('\0'), isPresent)
}

/** The commit's id, then the branch's name, or `HEAD` where none is checked out. */
async function readHead({ git }: LocalRepository): Promise<{ branch: RefName | null; head: CommitId | null }> {
  const end = await git.run(['rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD', '--'])
  const [id = '', name = ''] = end.stdout.toString('utf8').split('\n')
  const head = commitOrNull(id)
  if (head !== null) return { branch: name.startsWith('refs/') ? name : null, head }
  // Before the first commit the branch has a name and nothing more.
  const unborn = await git.run(['symbolic-ref', '--quiet', 'HEAD'])
  return { branch: unborn.exitCode === 0 ? unborn.stdout.toString('utf8').trim() : null, head: null }
}

const commitOrNull = (id: string): CommitId | null => (isObjectId(id) ? (id as CommitId) : null) // HEAD is a commit

function stateOf(lines: readonly string[], isPresent: boolean): FileState {
  const entry = lines.find((line) => line !== '' && !line.startsWith('#'))
  if (entry === undefined) return isPresent ? 'committed' : 'absent'
  if (entry.startsWith('?') || entry.startsWith('!')) return 'untracked'
  if (!isPresent) return 'deleted'
  // `1 <index><worktree> …`: added to the index and never committed is not in HEAD either.
  return entry.startsWith('1 A') ? 'untracked' : 'modified'
}

function userOf(repository: LocalRepository, environment: NodeJS.ProcessEnv): Actor | null {
  const name =
    environment['GIT_AUTHOR_NAME'] || configValue(repository, 'author.name') || configValue(repository, 'user.name')
  const email =
    environment['GIT_AUTHOR_EMAIL'] || configValue(repository, 'author.email') || configValue(repository, 'user.email')
  return name && email ? { name, email } : null
}
