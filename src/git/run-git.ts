/**
 * The one way to run git: without prompts, pager, translations or optional locks, within a time limit, and bound to a
 * directory, so that no variable of the caller (a hook's GIT_DIR) leads it elsewhere.
 */
import { existsSync } from 'node:fs'
import { delimiter } from 'node:path'
import { erroredError, TrunklineError } from '../model/index.ts'
import { runProcess } from '../process/index.ts'
import { diskFull, type GitEnd, isDiskFull, localFailure } from './git-failure.ts'

/** A configuration value: key in git's spelling (`http.https://example.com/.extraheader`). */
export type GitSetting = readonly [key: string, value: string]

export type GitRunOptions = {
  input?: string | Uint8Array
  /** Default one minute. */
  timeoutMs?: number
  maxOutputBytes?: number
  signal?: AbortSignal | undefined
}

/** git bound to one place. */
export type Git = {
  /** Runs it to its end, whatever the exit code. Throws `GIT_MISSING` and when cancelled. */
  run(args: readonly string[], options?: GitRunOptions): Promise<GitEnd>
  /** Its standard output; an exit code other than 0 is thrown (see `localFailure`). */
  output(args: readonly string[], options?: GitRunOptions): Promise<Buffer>
  /** What it runs with, for the long-lived readers that are spawned beside it. */
  readonly environment: Record<string, string>
  readonly directory: string
}

export type GitPlace = {
  /** Where it runs. */
  directory: string
  environment: NodeJS.ProcessEnv
  /** Pins the repository; without it git looks for one as it does for a user (GIT_DIR counts). */
  gitDirectory?: string
  workTree?: string | null
  /** Object folders that are read besides the repository's own. */
  alternates?: readonly string[]
  settings?: readonly GitSetting[]
}

const defaultTimeoutMs = 60_000

/** Ways to a remote that git may take. `codecommit` is AWS's own helper. */
const allowedProtocols = 'file:git:http:https:ssh:codecommit'

/** Variables that tie git to a repository, as `git rev-parse --local-env-vars` lists them. */
const repositoryVariables = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_CONFIG',
  'GIT_CONFIG_PARAMETERS',
  'GIT_CONFIG_COUNT',
  'GIT_OBJECT_DIRECTORY',
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_GRAFT_FILE',
  'GIT_INDEX_FILE',
  'GIT_NAMESPACE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_REPLACE_REF_BASE',
  'GIT_PREFIX',
  'GIT_SHALLOW_FILE',
  'GIT_COMMON_DIR',
  'GIT_QUARANTINE_PATH',
  'GIT_DEFAULT_HASH',
] as const

export function gitAt(place: GitPlace): Git {
  const environment = gitEnvironment(place)
  const run = async (args: readonly string[], options: GitRunOptions = {}): Promise<GitEnd> => {
    const { input, maxOutputBytes, signal, timeoutMs = defaultTimeoutMs } = options
    try {
      const end = await runProcess({
        argv: ['git', ...args],
        cwd: place.directory,
        env: environment,
        timeoutMs,
        ...(input === undefined ? {} : { input }),
        ...(maxOutputBytes === undefined ? {} : { maxOutputBytes }),
        ...(signal === undefined ? {} : { signal }),
      })
      // Of a cache it would be taken for damage, which it is not.
      if (isDiskFull(end)) throw diskFull(place.directory)
      return end
    } catch (error) {
      if (error instanceof TrunklineError && error.code === 'PROCESS_START') throw startFailure(place.directory, error)
      throw error
    }
  }
  return {
    run,
    async output(args, options) {
      const end = await run(args, options)
      if (end.kind !== 'exited' || end.exitCode !== 0) throw localFailure(args[0] ?? '', end)
      return end.stdout
    },
    environment,
    directory: place.directory,
  }
}

/** The system answers the same for a program that is missing and for a folder that is gone. */
const startFailure = (directory: string, cause: TrunklineError) =>
  existsSync(directory)
    ? erroredError('GIT_MISSING', 'git cannot be started', {
        hint: 'Install git 2.31 or newer and put it on PATH.',
        cause,
      })
    : erroredError('GIT_FOLDER_GONE', `the folder git is to work in is gone: ${directory}`, { cause })

function gitEnvironment(place: GitPlace): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(place.environment)) if (value !== undefined) environment[name] = value
  if (place.gitDirectory !== undefined) {
    for (const name of repositoryVariables) delete environment[name]
    environment['GIT_DIR'] = place.gitDirectory
    if (place.workTree) environment['GIT_WORK_TREE'] = place.workTree
  }
  if (place.alternates?.length) {
    environment['GIT_ALTERNATE_OBJECT_DIRECTORIES'] = place.alternates.map(quoteAlternate).join(delimiter)
  }
  // In the environment, not on the command line: settings hold credentials, and everyone sees the process list.
  place.settings?.forEach(([key, value], index) => {
    environment[`GIT_CONFIG_KEY_${index}`] = key
    environment[`GIT_CONFIG_VALUE_${index}`] = value
    environment['GIT_CONFIG_COUNT'] = String(index + 1)
  })
  return {
    ...environment,
    LC_ALL: 'C',
    LANGUAGE: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PAGER: 'cat',
    GIT_OPTIONAL_LOCKS: '0',
    // Addresses come from configuration files: `ext::` would run a command. Who needs another helper says so himself.
    GIT_ALLOW_PROTOCOL: environment['GIT_ALLOW_PROTOCOL'] || allowedProtocols,
    // A reader never downloads objects one by one behind our back (git 2.45; older ones are kept from it by design).
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
  }
}

/** A path with the list's own separator in it is quoted as a C string. */
function quoteAlternate(path: string): string {
  return path.includes(delimiter) || path.startsWith('"') ? JSON.stringify(path) : path
}
