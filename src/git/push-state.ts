/** `StateStore.push`: all updates or none, each a compare-and-swap on the tip it was decided on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type CommitId, erroredError, type RefName } from '../model/index.ts'
import type { PushResult, StateStore, StateUpdate } from '../ports/index.ts'
import { noteOf } from './cache-repository.ts'
import {
  type GitEnd,
  isMissingObject,
  isPassingFault,
  isPlaceFault,
  isRemoteDiskFull,
  remoteFailure,
  remoteSentence,
} from './git-failure.ts'
import { importCommits } from './import-commits.ts'
import { judgePush } from './push-report.ts'
import { type RemoteLocation, type RemoteRefs, remoteName, remoteSettings } from './remote-location.ts'
import type { GitSetting } from './run-git.ts'
import type { StateCache, StateSession } from './state-cache.ts'
import { DamagedCache } from './state-files.ts'

export type StatePushParts = {
  cache: StateCache
  location: RemoteLocation
  listRefs(patterns: readonly string[], signal: AbortSignal): Promise<RemoteRefs>
}

/** A ref's old and new tip; null where it is not there. */
type Move = { ref: RefName; from: CommitId | null; to: CommitId | null }

const pushTimeoutMs = 2 * 60_000
const maxPushAttempts = 3
/** Before each further try at refs that are locked at the remote, at most. */
const lockPausesMs = [100, 300, 900, 2700]

export function createStatePush({ cache, location, listRefs }: StatePushParts): StateStore['push'] {
  const lostRace: PushResult = { kind: 'lost-race' }

  const pushed = async (session: StateSession, moves: readonly Move[]): Promise<PushResult> => {
    for (const { ref, to } of moves) session.noteComplete(ref, to)
    await cache.repository.maintain()
    return { kind: 'pushed', tips: new Map(moves.map(({ ref, to }) => [ref, to])) }
  }

  /**
   * One push, and its answer made certain: where git's word is not enough, the remote's tips decide. What did not get
   * through is sent again.
   */
  const send = async (
    session: StateSession,
    moves: readonly Move[],
    signal: AbortSignal,
    attempt = 1,
  ): Promise<PushResult> => {
    const git = cache.repository.git({ settings: [...remoteSettings(location), ...noteSettings(moves)] })
    const end = await git.run(pushCommand(moves), { timeoutMs: pushTimeoutMs, signal })
    if (isOwnFault(end, git.directory)) throw new DamagedCache(remoteSentence(end.stderr))
    const verdict = judgePush(end)
    switch (verdict.kind) {
      case 'pushed':
        return pushed(session, moves)
      case 'lost-race': {
        const { tips } = await listRefs(refsOf(moves), signal)
        // To an attempt of our own that arrived late, perhaps.
        if (attempt > 1 && stand(tips, moves, 'to')) return pushed(session, moves)
        if (!stand(tips, moves, 'from')) return lostRace
        // Nobody moved anything: someone holds a lock there, for a moment, or for ever where git was killed.
        const pauseMs = lockPausesMs[attempt - 1]
        if (pauseMs === undefined) throw locked(location, end)
        await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
        return send(session, moves, signal, attempt + 1)
      }
      case 'rejected':
        throw rejected(location, end)
      case 'not-updated': {
        const { tips } = await listRefs(refsOf(moves), signal)
        if (stand(tips, moves, 'to')) return pushed(session, moves)
        if (!stand(tips, moves, 'from')) return lostRace
        throw rejected(location, end)
      }
      case 'unreachable': {
        // The push may have arrived and only its answer got lost.
        const listed = await listRefs(refsOf(moves), signal).catch(() => null)
        if (listed && stand(listed.tips, moves, 'to')) return pushed(session, moves)
        const mayTryAgain = listed !== null && isPassingFault(end) && attempt < maxPushAttempts
        if (mayTryAgain && stand(listed.tips, moves, 'from')) return send(session, moves, signal, attempt + 1)
        throw remoteFailure('STATE_UNREACHABLE', location.label, end)
      }
    }
  }

  return (updates, signal) =>
    cache.use(async (session) => {
      assertUpdates(updates)
      if (!(await bringParents(session, updates, signal))) return lostRace
      const tips = await importCommits(session, updates, { objectFormat: location.objectFormat, signal })
      const moves = updates.map(({ ref, expected }, index): Move => ({ ref, from: expected, to: tips[index] ?? null }))
      return send(session, moves, signal)
    })
}

/** Mistakes of the caller. */
function assertUpdates(updates: readonly StateUpdate[]): void {
  const refs = new Set(updates.map(({ ref }) => ref))
  if (updates.length === 0 || refs.size !== updates.length) throw new TypeError('a push has updates, one a ref')
  for (const { ref, change } of updates) {
    if (!ref.startsWith('refs/')) throw new TypeError(`not a full ref name: ${ref}`)
    if (change.kind === 'append' && change.commits.length === 0) throw new TypeError('an append has commits')
  }
}

/** New commits need their parents here. Answers false where the remote no longer has one: it was replaced. */
async function bringParents(
  session: StateSession,
  updates: readonly StateUpdate[],
  signal: AbortSignal,
): Promise<boolean> {
  const parents = new Map(
    updates.flatMap(({ ref, expected, change }) => (change.kind === 'append' && expected ? [[ref, expected]] : [])),
  )
  const absent = await session.absent(parents)
  if (absent.length === 0) return true
  await session.fetch(absent, signal)
  return (await session.absent(parents)).length === 0
}

function pushCommand(moves: readonly Move[]): string[] {
  return [
    'push',
    '--porcelain',
    '--no-verify',
    // One ref moves whole anyway, and a few hosts know no atomic push.
    ...(moves.length > 1 ? ['--atomic'] : []),
    ...moves.map(({ ref, from }) => `--force-with-lease=${ref}:${from ?? ''}`),
    remoteName,
    // Never with a `+`: it would override the lease. A lease that holds allows a replacement by itself.
    ...moves.map(({ ref, to }) => `${to ?? ''}:${ref}`),
  ]
}

/** git notes the new tips in the cache by itself after a push, as it does for remote-tracking branches. */
const noteSettings = (moves: readonly Move[]): GitSetting[] =>
  moves.map(({ ref }) => [`remote.${remoteName}.fetch`, `+${ref}:${noteOf(ref)}`])

const refsOf = (moves: readonly Move[]): RefName[] => moves.map(({ ref }) => ref)

const stand = (tips: ReadonlyMap<RefName, CommitId>, moves: readonly Move[], side: 'from' | 'to'): boolean =>
  moves.every((move) => (tips.get(move.ref) ?? null) === move[side])

/** Nothing was sent: our own objects could not be read. */
function isOwnFault(end: GitEnd, directory: string): boolean {
  const stderr = end.stderr
    .split('\n')
    .filter((line) => !line.startsWith('remote:'))
    .join('\n')
  const own = { ...end, stderr }
  const isUnreadable = end.exitCode !== 0 && /pack-objects died|is corrupt|object file .* is empty/i.test(stderr)
  return isUnreadable || isMissingObject(own) || isPlaceFault(own, directory)
}

const locked = (location: RemoteLocation, end: GitEnd) =>
  erroredError('STATE_LOCKED', `refs at ${location.label} stay locked: ${remoteSentence(end.stderr)}`, {
    hint: 'A git that was killed in that repository may have left a *.lock file: remove it when no git runs there.',
  })

const rejected = (location: RemoteLocation, end: GitEnd) =>
  erroredError('STATE_REJECTED', `${location.label} refused the push of state: ${remoteSentence(end.stderr)}`, {
    hint: isRemoteDiskFull(end)
      ? 'The disk of that repository is full: free some space there.'
      : 'May this user push there, and does the host take refs besides branches and tags? `state.prefix` in trunkline.yaml moves them (for instance to refs/heads/trunkline).',
  })
