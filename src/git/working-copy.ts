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
  /** How the configuration file in the working tree stands to HEAD; `absent` in a bare repository. */
  configuration: 'committed' | 'modified' | 'untracked' | 'deleted' | 'absent'
}

/** Reads it in one git process. `file` is relative to the root. */
export async function describeWorkingCopy(
  repository: LocalRepository,
  environment: NodeJS.ProcessEnv,
  file = 'trunkline.yaml',
): Promise<WorkingCopy> {
  const user = userOf(repository, environment)
  if (repository.root === null) return { root: null, user, configuration: 'absent', ...(await readHead(repository)) }
  const status = await repository.git.output([
    'status',
    '--porcelain=v2',
    '--branch',
    '--untracked-files=all',
    '--ignored=matching',
    '--no-renames',
    '-z',
    '--',
    `:(top,literal)${file}`,
  ])
  const lines = status.toString('utf8').split('\0')
  const oid = headerOf(lines, 'branch.oid')
  const branch = headerOf(lines, 'branch.head')
  const isPresent = (await stat(join(repository.root, file)).catch(() => null)) !== null
  return {
    root: repository.root,
    branch: branch === null || branch === '(detached)' ? null : `refs/heads/${branch}`,
    head: commitOrNull(oid ?? ''),
    user,
    configuration: configurationState(lines, isPresent),
  }
}

/** Without a working tree there is no status to ask. */
async function readHead({ git }: LocalRepository): Promise<{ branch: RefName | null; head: CommitId | null }> {
  const [branch, head] = await Promise.all([
    git.run(['symbolic-ref', '--quiet', 'HEAD']),
    git.run(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
  ])
  return {
    branch: branch.exitCode === 0 ? branch.stdout.toString('utf8').trim() : null,
    head: commitOrNull(head.stdout.toString('utf8').trim()),
  }
}

const commitOrNull = (id: string): CommitId | null => (isObjectId(id) ? (id as CommitId) : null) // HEAD is a commit

function headerOf(lines: readonly string[], name: string): string | null {
  const start = `# ${name} `
  return lines.find((line) => line.startsWith(start))?.slice(start.length) ?? null
}

function configurationState(lines: readonly string[], isPresent: boolean): WorkingCopy['configuration'] {
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
