/** One service by GitOps: its image into the manifest repository, brought to the cluster by someone else, or put back. */
import type { BranchRepository } from '../../git/index.ts'
import {
  type CommitId,
  type Digest,
  type EnvironmentName,
  fillIn,
  type GitOpsConfig,
  reason,
  type ServiceName,
  short,
  type Verdict,
} from '../../model/index.ts'
import type { ArtifactStore, Clock, RolloutRequest, TargetContext } from '../../ports/index.ts'
import type { WantedImage } from './edit/index.ts'
import type { ExpectedImage } from './following/argocd.ts'
import type { Follower } from './following/follower.ts'
import { openPullRequests } from './pull-request-flow.ts'
import {
  type CommitReason,
  type CommittedImages,
  commitImages,
  type ManifestBranch,
  type ServiceImage,
} from './repository/commit-images.ts'
import type { PullRequestHost } from './repository/pull-requests.ts'
import { putBack, type ServicesKnown } from './repository/put-back.ts'
import { placesOf } from './repository/service-places.ts'

export type GitOpsParts = {
  config: GitOpsConfig
  project: string
  environment: EnvironmentName
  repository: BranchRepository
  branch: string
  /** null: pushed to the branch itself. */
  pullRequests(): PullRequestHost | null
  /** null: nobody is named who brings it to a cluster. */
  follower: Follower | null
  clock: Clock
}

export type Deploying = {
  ensure(request: RolloutRequest, context: TargetContext): Promise<Verdict>
  /** Names of what is followed for a service. */
  followed(service: ServiceName): { name: string; namespace: string }
  contains(commit: CommitId, signal: AbortSignal): (revision: string) => Promise<boolean>
}

/** Not more often than so is the remote asked for a revision that is not known here. */
const refetchEveryMs = 3000

export function openDeploying(parts: GitOpsParts): Deploying {
  const { config, project, environment, repository, branch, follower, clock } = parts
  const where: ManifestBranch = { repository, branch, project, environment }
  const inTurn = oneAtATime()
  const came = commitsByService()

  const knownOf = (artifacts: ArtifactStore): ServicesKnown => ({
    placesOf: (service) => placesOf(service, parts),
    imageOf: (service, digest) => wantedImage(service, digest, artifacts, parts),
  })

  const followed: Deploying['followed'] = (service) => {
    const names = { project, environment, service }
    return {
      name: fillIn(config.follow?.name ?? '', names),
      namespace: fillIn(config.follow?.namespace ?? '', names),
    }
  }

  const contains: Deploying['contains'] = (commit, signal) => {
    let fetchedMs = Number.NEGATIVE_INFINITY
    return async (text) => {
      const revision = text as CommitId // of the repository's commits, or unknown to git
      if (commit.startsWith(revision)) return true
      if (await repository.isAncestor(commit, revision)) return true
      if (clock.monotonicMs() - fetchedMs < refetchEveryMs) return false
      fetchedMs = clock.monotonicMs()
      await repository.tip(branch, signal)
      return await repository.isAncestor(commit, revision)
    }
  }

  const follow = async (
    service: ServiceName,
    commit: CommitId,
    image: ExpectedImage | null,
    { signal, log }: TargetContext,
  ): Promise<Verdict> => {
    if (follower === null) {
      log(`${short(commit)} is in ${branch}: deployed, since nobody is named who brings it to a cluster`)
      return { ok: true }
    }
    return await follower.wait({ ...followed(service), commit, image, contains: contains(commit, signal), signal, log })
  }

  /** The first of those that begin together brings them all. */
  const bring = async (images: readonly ServiceImage[], why: CommitReason, context: TargetContext) => {
    const [own, ...others] = images
    const host = parts.pullRequests()
    const commit = async (): Promise<CommittedImages> => {
      const commit = own === undefined ? null : came.take(why, own)
      if (commit !== null) return { commit, changes: [] }
      const brought = await commitImages(where, images, why, context.signal)
      for (const other of others) came.put(why, other, brought.commit)
      return brought
    }
    if (host === null) return await inTurn(commit)
    const timeoutMs = config.follow?.timeoutMs ?? null
    return await openPullRequests({ where, host, clock, timeoutMs, inTurn }).bring(images, why, context)
  }

  /** Best word after a failure: what the files said before, and whether that came through. */
  const goBack = async (service: ServiceName, why: CommitReason, context: TargetContext): Promise<string[]> => {
    const { deployment } = why
    if (deployment === null) return []
    const host = parts.pullRequests()
    const back: CommitReason & { deployment: NonNullable<CommitReason['deployment']> } = {
      ...why,
      deployment,
      at: nowOf(clock),
      because: `${service} of ${deployment.candidate.version} was not well.`,
    }
    const known = knownOf(context.artifacts)
    if (host !== null) {
      const flow = openPullRequests({ where, host, clock, timeoutMs: 0, inTurn })
      const url = await flow.proposeBack(service, known, back, context)
      return url === null ? [] : [`merge ${url} to go back`]
    }
    const ended = await inTurn(() => putBack(where, service, known, back, context.signal))
    if (ended.changes.length === 0) return [`there was nothing before to go back to in ${branch}`]
    context.log(`put ${service} back by ${short(ended.commit)}`)
    const verdict = await follow(service, ended.commit, null, context)
    return verdict.ok ? [] : verdict.reasons.map(({ message }) => `and on the way back: ${message}`)
  }

  return {
    followed,
    contains,
    async ensure({ service, desired }, context) {
      const why = reasonFor(context, clock)
      const known = knownOf(context.artifacts)
      const together = context.deployment?.together ?? []
      const others = together.filter((other) => other.service !== service)
      const images = [{ service, artifact: desired.artifact }, ...others].map(
        (one): ServiceImage => ({
          service: one.service,
          image: known.imageOf(one.service, one.artifact),
          places: known.placesOf(one.service),
        }),
      )
      const brought = await bring(images, why, context)
      tell(brought, branch, context)
      const expected = { digest: desired.artifact, names: namesOf(images[0]) }
      const verdict = await follow(service, brought.commit, expected, context)
      if (verdict.ok) {
        context.report({ ready: 1, desired: 1, old: 0 })
        return verdict
      }
      const back = await goBack(service, why, context)
      return { ...verdict, reasons: [...verdict.reasons, ...back.map((text) => reason('put-back', text))] }
    },
  }
}

/** Repositories that the image may go by, as far as the configuration knows. */
function namesOf(image: ServiceImage | undefined): string[] {
  const placed = (image?.places ?? []).flatMap(({ place }) =>
    place.kind === 'kustomize' ? [place.name] : place.kind === 'containers' ? [place.repository] : [],
  )
  const known = [image?.image.repository, image?.image.origin].filter((name) => name !== null && name !== undefined)
  return [...placed, ...known]
}

/** Told once: whoever asks again looks at the branch itself. */
function commitsByService() {
  const commits = new Map<string, CommitId>()
  const keyOf = ({ deployment }: CommitReason, { service, image }: ServiceImage) =>
    `${deployment?.id} ${service} ${image.digest}`
  return {
    put(why: CommitReason, image: ServiceImage, commit: CommitId) {
      commits.set(keyOf(why, image), commit)
    },
    take(why: CommitReason, image: ServiceImage): CommitId | null {
      const commit = commits.get(keyOf(why, image)) ?? null
      commits.delete(keyOf(why, image))
      return commit
    },
  }
}

function wantedImage(
  service: ServiceName,
  digest: Digest,
  artifacts: ArtifactStore,
  { config, project, environment }: GitOpsParts,
): WantedImage {
  const origin = artifacts.imageReference(digest, service)?.replace(/@[^@]*$/, '') ?? null
  const repository = config.pullFrom === null ? null : fillIn(config.pullFrom, { project, environment, service })
  return { digest, repository, origin }
}

const nowOf = (clock: Clock): string => new Date(clock.now()).toISOString()

function reasonFor({ deployment, epoch }: TargetContext, clock: Clock): CommitReason {
  return {
    deployment: deployment === undefined ? null : { id: deployment.id, candidate: deployment.candidate },
    actor: deployment?.actor ?? { name: 'Trunkline', email: '' },
    epoch,
    at: nowOf(clock),
    because: null,
  }
}

function tell({ commit, changes }: CommittedImages, branch: string, { log }: TargetContext): void {
  if (changes.length === 0) {
    log(`${branch} has it already, since ${short(commit)}`)
    return
  }
  for (const { service, from, to } of changes) log(`${service}: ${from ?? 'nothing'} → ${to}`)
  log(`in ${branch} by ${short(commit)}`)
}

/** Steps of one deployment run side by side, and write one branch. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>

function oneAtATime(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work, work)
    last = mine.catch(() => {})
    return mine
  }
}
