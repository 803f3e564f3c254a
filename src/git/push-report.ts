/** What `git push --porcelain` says, and what it means: pushed, a lost race, a refusal, or trouble on the way. Pure. */
import type { GitEnd } from './git-failure.ts'

export type PushVerdict =
  | { kind: 'pushed' }
  /** Another push was faster, for certain. */
  | { kind: 'lost-race' }
  /** Someone at the other side said no: a hook, a permission. */
  | { kind: 'rejected' }
  /** The remote could not update a ref. Whether someone moved it first, its tip tells. */
  | { kind: 'not-updated' }
  /** The way broke. Whether the push arrived, the tips tell. */
  | { kind: 'unreachable' }

/** One ref of the report; `reason` is what stands in its last brackets. */
type Status = { flag: string; reason: string; isRemote: boolean }

/** Judged by the client against the tips it saw. */
const lostAtClient = /stale info|fetch first|non-fast-forward|needs force|already exists|remote ref updated/i
/** Judged by the server, which compared again under its lock. */
const lostAtServer =
  /cannot lock ref .* is at [0-9a-f]+ but expected|reference already exists|incorrect old value|unable to create '[^']*\.lock': file exists|unable to resolve reference/i
const couldNotUpdate =
  /failed to update ref|cannot lock ref|failed to lock|atomic (?:transaction|push) fail|non-fast-forward|remote failed to report/i
const denied =
  /permission to .* denied|permission denied for writing|you are not allowed|not allowed to push|write access|protected|returned error: 403|does not support --atomic|read-only|hook declined|access denied/i

export function judgePush(end: GitEnd): PushVerdict {
  if (end.kind === 'exited' && end.exitCode === 0) return { kind: 'pushed' }
  if (end.kind !== 'exited') return { kind: 'unreachable' }
  const failures = parseStatuses(end.stdout.toString('utf8')).filter(({ flag }) => flag === '!')
  if (failures.length === 0) return denied.test(end.stderr) ? { kind: 'rejected' } : { kind: 'unreachable' }

  if (failures.some(({ isRemote, reason }) => !isRemote && lostAtClient.test(reason))) return { kind: 'lost-race' }
  const remoteReasons = failures.filter(({ isRemote }) => isRemote).map(({ reason }) => reason)
  if (remoteReasons.some((reason) => lostAtServer.test(reason)) || lostAtServer.test(end.stderr)) {
    return { kind: 'lost-race' }
  }
  return remoteReasons.every((reason) => couldNotUpdate.test(reason)) ? { kind: 'not-updated' } : { kind: 'rejected' }
}

/** `<flag>\t<from>:<to>\t[<summary>] (<reason>)`. */
function parseStatuses(report: string): Status[] {
  return report.split('\n').flatMap((line) => {
    const [flag, refs, ...summary] = line.split('\t')
    if (flag === undefined || refs === undefined || flag.length !== 1) return []
    const match = /^\[([^\]]*)\]\s*(?:\((.*)\))?/.exec(summary.join('\t'))
    return [{ flag, reason: match?.[2] ?? '', isRemote: match?.[1]?.startsWith('remote') ?? false }]
  })
}
