/** Images by pull request: a branch of the deployment's own, a request to merge it, and the wait until somebody did. */
import { erroredError, refusedError, type ServiceName } from '../../model/index.ts'
import type { Clock, TargetContext } from '../../ports/index.ts'
import type { InTurn } from './deploy.ts'
import {
  bodyOf,
  type CommitReason,
  type CommittedImages,
  existingTip,
  type ManifestBranch,
  type PreparedBranch,
  prepareImages,
  type ServiceImage,
  subjectOf,
} from './repository/commit-images.ts'
import type { PullRequest, PullRequestHost } from './repository/pull-requests.ts'
import { prepareBack, type ServicesKnown } from './repository/put-back.ts'

export type PullRequestFlow = {
  /** Errored (`PULL_REQUEST_OPEN`) where it is not merged in time, refused where it was closed. */
  bring(images: readonly ServiceImage[], why: CommitReason, context: TargetContext): Promise<CommittedImages>
  /** Opens one that goes back and waits for nobody; answers its URL. */
  proposeBack(
    service: ServiceName,
    known: ServicesKnown,
    why: CommitReason & { deployment: NonNullable<CommitReason['deployment']> },
    context: TargetContext,
  ): Promise<string | null>
}

export type PullRequestFlowOptions = {
  where: ManifestBranch
  host: PullRequestHost
  clock: Clock
  /** null: the default. */
  timeoutMs: number | null
  inTurn: InTurn
}

type Asked =
  | ({ kind: 'there' } & CommittedImages)
  | { kind: 'open'; prepared: PreparedBranch & { kind: 'ready' }; pullRequest: PullRequest }

const defaultTimeoutMs = 10 * 60_000
/** Soon at first, for those that merge by themselves. */
const firstLookMs = 500
const lookEveryMs = 5000

export function openPullRequests(options: PullRequestFlowOptions): PullRequestFlow {
  const { where, host, clock, inTurn } = options
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs

  const onBase = async (images: readonly ServiceImage[], why: CommitReason, signal: AbortSignal) =>
    await prepareImages(where, await existingTip(where.repository, where.branch, signal), images, why, signal)

  /** The branch holds what is wanted: pushed now, or by an earlier try. */
  const pushBranch = async (
    branch: string,
    prepared: PreparedBranch & { kind: 'ready' },
    has: (tip: PreparedBranch['tip']) => Promise<boolean>,
    signal: AbortSignal,
  ) => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const tip = await where.repository.tip(branch, signal)
      if (tip !== null && (await has(tip))) return
      const end = await where.repository.push({ branch, from: tip, to: prepared.commit }, signal)
      if (end === 'pushed') return
    }
    throw erroredError('BRANCH_BUSY', `somebody else pushes to ${branch} of ${where.repository.label}`, {
      hint: 'Try again.',
    })
  }

  const request = async (
    branch: string,
    { changes }: PreparedBranch & { kind: 'ready' },
    why: CommitReason,
    { signal, log }: TargetContext,
  ): Promise<PullRequest> => {
    const into = where.branch
    const known = await host.find(branch, into, signal)
    if (known?.state === 'closed') throw closed(known)
    if (known?.state === 'open') return known
    const title = subjectOf(where.project, where.environment, changes, why)
    const opened = await host.open({ branch, into, title, body: bodyOf(changes, why) }, signal)
    log(`opened ${opened.url}`)
    return opened
  }

  return {
    async bring(images, why, context) {
      const { signal, log } = context
      const asked = await inTurn(async (): Promise<Asked> => {
        const prepared = await onBase(images, why, signal)
        if (prepared.kind === 'unchanged') return { kind: 'there', commit: prepared.commit, changes: [] }
        const branch = `trunkline/${where.environment}/${why.deployment?.id ?? `epoch-${why.epoch}`}`
        const own = { ...where, branch }
        const has = async (tip: PreparedBranch['tip']) =>
          (await prepareImages(own, tip, images, why, signal)).kind === 'unchanged'
        await pushBranch(branch, prepared, has, signal)
        return { kind: 'open', prepared, pullRequest: await request(branch, prepared, why, context) }
      })
      if (asked.kind === 'there') return asked
      const { pullRequest, prepared } = asked
      log(`waits until ${pullRequest.url} is merged`)
      const deadlineMs = clock.monotonicMs() + timeoutMs
      for (let pauseMs = firstLookMs; ; pauseMs = Math.min(lookEveryMs, pauseMs * 2)) {
        const now = await onBase(images, why, signal)
        if (now.kind === 'unchanged') return { commit: now.commit, changes: prepared.changes }
        const { state } = await host.look(pullRequest.number, signal)
        if (state === 'closed') throw closed(pullRequest)
        if (clock.monotonicMs() >= deadlineMs) throw stillOpen(pullRequest, where.environment, state)
        await clock.sleep(pauseMs, signal)
      }
    },

    async proposeBack(service, known, why, context) {
      const { signal } = context
      return await inTurn(async () => {
        const tip = await existingTip(where.repository, where.branch, signal)
        const prepared = await prepareBack(where, tip, service, known, why, signal)
        if (prepared.kind === 'unchanged') return null
        const branch = `trunkline/${where.environment}/${why.deployment.id}-back-${service}`
        await pushBranch(branch, prepared, async () => false, signal)
        return (await request(branch, prepared, why, context)).url
      })
    },
  }
}

const closed = ({ url }: PullRequest) =>
  refusedError('PULL_REQUEST_CLOSED', `${url} was closed without being merged`, {
    hint: 'Open it again and retry, or deploy another release.',
  })

const stillOpen = ({ url }: PullRequest, environment: string, state: PullRequest['state']) =>
  erroredError(
    'PULL_REQUEST_OPEN',
    state === 'merged' ? `${url} is merged, and the branch does not have its images` : `${url} is not merged yet`,
    { hint: `Merge it, then: trunkline retry ${environment}` },
  )
