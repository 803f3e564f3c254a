/** From what git says on standard error to errors for users: what failed, why, and what to do about it. */
import { erroredError, type TrunklineError, usageError } from '../model/index.ts'
import { withoutCredentials } from './credentials.ts'

/** How a git process ended; an exit code other than 0 may be an answer as well as a failure. */
export type GitEnd = {
  kind: 'exited' | 'timed-out' | 'too-much-output'
  exitCode: number
  stdout: Buffer
  stderr: string
}

/** Objects that should be there and are not: beyond a shallow boundary, pruned, or a damaged cache. */
const missingObject =
  /could not read [0-9a-f]{40}|failed to traverse parents|bad object|bad tree object|unable to (?:read|parse)|invalid object|not a valid (?:object|commit) name|could not parse|missing (?:blob|tree|commit)|not a tree object|could not fetch/i

export const isMissingObject = (end: GitEnd): boolean => end.exitCode !== 0 && missingObject.test(end.stderr)

const noSpace = /no space left on device|disk quota exceeded/i

/** Whether a git command failed over our own disk, full: what the other side says of its own stands after `remote`. */
export function isDiskFull(end: GitEnd): boolean {
  if (end.exitCode === 0 || !noSpace.test(end.stderr)) return false
  return end.stderr.split('\n').some((line) => noSpace.test(line) && !/^(?:error: )?remote\b/.test(line))
}

/** Whether the other side has no space left. */
export const isRemoteDiskFull = (end: GitEnd): boolean => noSpace.test(end.stderr) && !isDiskFull(end)

/** `directory` lies on the full disk. */
export const diskFull = (directory: string, cause?: unknown): TrunklineError =>
  erroredError('DISK_FULL', `no space is left on the disk of ${directory}`, {
    hint: 'Free some space there, or set TRUNKLINE_HOME to a larger disk.',
    ...(cause === undefined ? {} : { cause }),
  })

/** A failure of a git command that speaks to no remote. */
export function localFailure(command: string, end: GitEnd): TrunklineError {
  const sentence = sentenceOf(end.stderr)
  if (end.kind === 'timed-out') {
    return erroredError('GIT_TIMED_OUT', `git ${command} did not end in time`, { hint: 'Try again; is the disk busy?' })
  }
  if (end.kind === 'too-much-output') {
    return erroredError('GIT_OUTPUT_TOO_LARGE', `git ${command} printed more than Trunkline takes`)
  }
  if (/dubious ownership/.test(end.stderr)) {
    return usageError('REPOSITORY_NOT_TRUSTED', `git refuses this repository: ${sentence}`, {
      hint: 'git config --global --add safe.directory <the path of the repository>',
    })
  }
  if (/not a git repository/i.test(end.stderr)) {
    return usageError('NOT_A_REPOSITORY', 'this is not a git repository', {
      hint: 'Run Trunkline inside a clone of your project, or name it with GIT_DIR.',
    })
  }
  if (isMissingObject(end)) {
    return erroredError('OBJECT_MISSING', `the repository lacks an object: ${sentence}`, {
      hint: 'git fsck tells what is damaged; git fetch --refetch brings it back.',
    })
  }
  if (/permission denied|read-only file system/i.test(end.stderr)) {
    return erroredError('GIT_PERMISSION', `git ${command} was denied by the file system: ${sentence}`)
  }
  return erroredError('GIT_FAILED', `git ${command} failed: ${sentence}`)
}

export type UnreachableCode = 'STATE_UNREACHABLE' | 'REMOTE_UNREACHABLE'

/** A failure of a git command that speaks to a remote. `label` is the remote without credentials. */
export function remoteFailure(code: UnreachableCode, label: string, end: GitEnd): TrunklineError {
  const what = code === 'STATE_UNREACHABLE' ? 'the state at' : 'the remote'
  if (end.kind !== 'exited') {
    return erroredError(code, `${what} ${label} did not answer in time`, { hint: 'Try again when it is reachable.' })
  }
  return erroredError(code, `cannot reach ${what} ${label}: ${sentenceOf(end.stderr)}`, { hint: hintFor(end.stderr) })
}

/** Whether git gave up over the folder it runs in: a broken configuration, a repository that is none any more. */
export const isPlaceFault = (end: GitEnd, directory: string): boolean =>
  end.exitCode !== 0 && end.stderr.split('\n').some((line) => line.startsWith('fatal: ') && line.includes(directory))

/** Whether a remote, or the way to it, is at fault: anything else is trouble in our own cache. */
export function isRemoteFault(end: GitEnd): boolean {
  if (end.kind === 'timed-out') return true
  return /unable to access|could not read from remote|could not read (?:username|password)|authentication failed|could not resolve|connection|the requested url returned|does not appear to be a git repository|repository .*not found|remote error|hung up|early eof|rpc failed|unexpected disconnect|host key|expected 'packfile'|protocol error|unable to fork|cannot run/i.test(
    end.stderr,
  )
}

/** Whether the same question may well be answered a moment later: the way to the remote, or a server in trouble. */
export function isPassingFault(end: GitEnd): boolean {
  if (end.kind !== 'exited' || end.exitCode === 0 || !isRemoteFault(end)) return false
  return /returned error: (?:408|429|5\d\d)|could(?:n't| not) (?:resolve|connect)|failed to connect|connection (?:refused|reset|closed|timed out|was reset)|timed out|timeout|temporary failure|empty reply|hung up|early eof|rpc failed|unexpected disconnect|unexpected eof|broken pipe/i.test(
    end.stderr,
  )
}

function hintFor(stderr: string): string {
  if (
    /could not read (?:username|password)|authentication failed|returned error: 40[13]|permission denied/i.test(stderr)
  ) {
    return 'git could not sign in. Check with `git ls-remote` that this machine may read it (token, key, credential helper).'
  }
  if (/host key verification failed/i.test(stderr)) {
    return "Add the host's key to known_hosts (ssh-keyscan), then try again."
  }
  if (/does not appear to be a git repository|not found|no such file/i.test(stderr)) {
    return 'Check the URL with `git remote -v`, and `state.remote` in trunkline.yaml.'
  }
  return 'Try again when it is reachable.'
}

/** Lines the other side wrote, without git's `remote:` before them. */
export function remoteSentence(stderr: string): string {
  const lines = stderr
    .split('\n')
    .flatMap((line) => (line.startsWith('remote:') ? [line.slice('remote:'.length).trim()] : []))
    .filter((line) => line !== '')
  return lines.length === 0 ? sentenceOf(stderr) : printable(lines.slice(0, 8).join(' '))
}

/** The line that says it best: the first `fatal:` or `error:`, else the last line. */
function sentenceOf(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.find((line) => line.startsWith('fatal: ')) ?? lines.find((line) => line.startsWith('error: '))
  return printable((telling ?? lines.at(-1) ?? 'no reason given').replace(/^(?:fatal|error): /, ''))
}

const maxSentenceLength = 500

function printable(text: string): string {
  return withoutCredentials(text)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .slice(0, maxSentenceLength)
}
