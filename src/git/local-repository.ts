/** Finds the repository a person stands in, and reads its configuration: two git processes, side by side. */
import { stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { usageError } from '../model/index.ts'
import { localFailure } from './git-failure.ts'
import { type Git, type GitSetting, gitAt } from './run-git.ts'

export type ObjectFormat = 'sha1' | 'sha256'

/** One configured value and where it stands. */
export type ConfigEntry = { scope: 'system' | 'global' | 'local' | 'worktree' | 'command'; key: string; value: string }

export type LocalRepository = {
  /** Top of the working tree; null in a bare repository. */
  root: string | null
  /** `.git`, or a worktree's own part of it. */
  gitDirectory: string
  /** `.git` of the repository that a worktree belongs to. */
  commonDirectory: string
  /** Every folder its objects may stand in. */
  objectDirectories: readonly string[]
  objectFormat: ObjectFormat
  /** In git's order: later wins. */
  config: readonly ConfigEntry[]
  /** git as the user would run it here. It must only read. */
  git: Git
}

export type FindRepositoryOptions = {
  /** Any folder inside; GIT_DIR in the environment counts as it does for git. */
  directory: string
  environment: NodeJS.ProcessEnv
}

/** Throws usage errors `NOT_A_REPOSITORY`, `REPOSITORY_NOT_TRUSTED`, `DIRECTORY_MISSING`. */
export async function findRepository({ directory, environment }: FindRepositoryOptions): Promise<LocalRepository> {
  await assertDirectory(directory)
  const git = gitAt({ directory, environment })
  const [places, config] = await Promise.all([
    git.run([
      'rev-parse',
      '--path-format=absolute',
      '--git-dir',
      '--git-common-dir',
      '--git-path',
      'objects',
      '--show-object-format',
      '--show-toplevel',
    ]),
    git.run(['config', '--list', '--show-scope', '-z']),
  ])
  const [gitDirectory, commonDirectory, objects, objectFormat, root] = places.stdout.toString('utf8').split('\n')
  // The last question has no answer in a bare repository, and the exit code says so.
  if (!gitDirectory || !commonDirectory || !objects || !objectFormat) throw localFailure('rev-parse', places)
  if (config.exitCode !== 0) throw localFailure('config', config)
  return {
    root: root || null,
    gitDirectory,
    commonDirectory,
    objectDirectories: [objects, ...(environment['GIT_ALTERNATE_OBJECT_DIRECTORIES']?.split(delimiter) ?? [])],
    objectFormat: objectFormat === 'sha256' ? 'sha256' : 'sha1',
    config: parseConfig(config.stdout.toString('utf8')),
    git,
  }
}

/** Whether history is cut off here; asked anew each time, for people follow the hint. */
export async function isShallow(repository: LocalRepository): Promise<boolean> {
  const file = await stat(join(repository.commonDirectory, 'shallow')).catch(() => null)
  return file !== null && file.size > 0
}

/** The last value of a key (`remote.origin.url`), as git takes it; null where it is not set. */
export function configValue(repository: LocalRepository, key: string): string | null {
  return repository.config.findLast((entry) => entry.key === key)?.value ?? null
}

/** Names of remotes with a URL. */
export function remoteNames(repository: LocalRepository): string[] {
  const names = repository.config.flatMap(({ key }) => /^remote\.(.+)\.(?:push)?url$/.exec(key)?.[1] ?? [])
  return [...new Set(names)]
}

/**
 * How this clone reaches its remotes: what stands in its own configuration (as CI systems write it) and on the command
 * line, to be given to git elsewhere. Settings of the machine and the user count there anyway.
 */
export function connectionSettings(repository: LocalRepository): GitSetting[] {
  return repository.config
    .filter(({ scope }) => scope === 'local' || scope === 'worktree' || scope === 'command')
    .filter(({ key }) => isConnectionKey(key))
    .map(({ key, value }) => [key, value])
}

const isConnectionKey = (key: string): boolean =>
  /^(?:http|credential|url|ssh|protocol)\./.test(key) ||
  ['core.sshcommand', 'core.askpass', 'core.gitproxy'].includes(key)

async function assertDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => null)
  if (!found?.isDirectory()) throw usageError('DIRECTORY_MISSING', `there is no folder ${directory}`)
}

/** `<scope>\0<key>\n<value>\0…`; a key alone means true. */
function parseConfig(output: string): ConfigEntry[] {
  const parts = output.split('\0')
  const entries: ConfigEntry[] = []
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const scope = parts[at] as ConfigEntry['scope'] // the words `--show-scope` has
    const setting = parts[at + 1] ?? ''
    const end = setting.indexOf('\n')
    entries.push(
      end === -1
        ? { scope, key: setting, value: 'true' }
        : { scope, key: setting.slice(0, end), value: setting.slice(end + 1) },
    )
  }
  return entries
}
