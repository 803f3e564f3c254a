/**
 * Images of services into a branch of the manifest repository: read, edit, one commit, push; read again and edit again
 * where somebody else pushed meanwhile. What is there already is not written again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BranchRepository } from '../../../git/index.ts'
import {
  type Actor,
  type Candidate,
  type CommitId,
  type DeploymentId,
  type EnvironmentName,
  erroredError,
  refusedError,
  type ServiceName,
  short,
  usageError,
} from '../../../model/index.ts'
import type { WantedImage } from '../edit/index.ts'
import { commonDigest, type ManifestFiles, openManifestFiles } from './manifest-files.ts'
import type { ServicePlace } from './service-places.ts'
import { environmentTrailer, noteOf, type ServiceChange, trailersOf } from './trailers.ts'

/** Where images go, and in whose name. */
export type ManifestBranch = {
  repository: BranchRepository
  branch: string
  project: string
  environment: EnvironmentName
}

/** What is told with a commit. */
export type CommitReason = {
  deployment: { id: DeploymentId; candidate: Candidate } | null
  actor: Actor
  epoch: number
  /** ISO 8601. */
  at: string
  /** Why, where it is not simply a deployment. */
  because: string | null
}

export type ServiceImage = { service: ServiceName; image: WantedImage; places: readonly ServicePlace[] }

/** A branch with what is wanted, ready to be pushed, or having it already. */
export type PreparedBranch =
  | { kind: 'ready'; tip: CommitId; commit: CommitId; changes: ServiceChange[] }
  | { kind: 'unchanged'; tip: CommitId; commit: CommitId }

const maxAttempts = 12
const firstPauseMs = 50
const maxPauseMs = 3000

export type CommittedImages = {
  /** The commit that has them: made now, or the last one that changed these files. */
  commit: CommitId
  /** Empty where nothing was pushed. */
  changes: ServiceChange[]
}

export async function commitImages(
  where: ManifestBranch,
  images: readonly ServiceImage[],
  why: CommitReason,
  signal: AbortSignal,
): Promise<CommittedImages> {
  return await pushPrepared(where, (tip) => prepareImages(where, tip, images, why, signal), signal)
}

/** Prepares on the branch's tip and pushes, again while others are faster. */
export async function pushPrepared(
  { repository, branch }: ManifestBranch,
  prepare: (tip: CommitId) => Promise<PreparedBranch>,
  signal: AbortSignal,
): Promise<CommittedImages> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    signal.throwIfAborted()
    const prepared = await prepare(await existingTip(repository, branch, signal))
    if (prepared.kind === 'unchanged') return { commit: prepared.commit, changes: [] }
    const { tip, commit, changes } = prepared
    const end = await repository.push({ branch, from: tip, to: commit }, signal)
    if (end === 'pushed') return { commit, changes }
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** attempt) * (0.5 + Math.random())
    await sleep(pauseMs, undefined, { signal })
  }
  throw erroredError('BRANCH_BUSY', `others push to ${branch} of ${repository.label} faster than this can`, {
    hint: 'Try again.',
  })
}

export async function existingTip(
  repository: BranchRepository,
  branch: string,
  signal: AbortSignal,
): Promise<CommitId> {
  const tip = await repository.tip(branch, signal)
  if (tip !== null) return tip
  throw usageError('NO_BRANCH', `${repository.label} has no branch ${branch}`, {
    hint: 'Push a first commit with the manifests there, or set `branch` in trunkline.yaml.',
  })
}

/** One commit on top of `tip` with the images that are not there yet. Nothing is pushed. */
export async function prepareImages(
  where: ManifestBranch,
  tip: CommitId,
  images: readonly ServiceImage[],
  why: CommitReason,
  signal: AbortSignal,
): Promise<PreparedBranch> {
  const { repository } = where
  await assertNewest(where, tip, why.epoch)
  const patterns = images.flatMap(({ places }) => places.map(({ files }) => files))
  const files = await openManifestFiles(repository, tip, [...new Set(patterns)], signal)
  const paths = new Set<string>()
  const changes: ServiceChange[] = []
  // All of them first: a file is read once for all, and then edited.
  const before = new Map(images.map(({ service, places }) => [service, commonDigest(files.images(places).images)]))
  for (const { service, image, places } of images) {
    const from = before.get(service) ?? null
    const put = files.put(service, places, image)
    for (const path of put.paths) paths.add(path)
    if (put.isChanged) changes.push({ service, from, to: image.digest })
  }
  if (changes.length === 0) {
    const last = await repository.lastChange(tip, [...paths])
    return { kind: 'unchanged', tip, commit: last?.id ?? tip }
  }
  return { kind: 'ready', tip, commit: await makeCommit(where, tip, files, changes, why), changes }
}

/** A stale controller does not write over what a newer one decided. */
export async function assertNewest(
  { repository, project, environment }: ManifestBranch,
  tip: CommitId,
  epoch: number,
): Promise<void> {
  const commits = await repository.log(tip, environmentTrailer(environment), 50)
  const newest = commits.map(({ message }) => noteOf(message)).find((note) => note?.project === project)
  if (newest === undefined || newest === null || newest.epoch <= epoch) return
  throw refusedError(
    'STALE_CONTROLLER',
    `a newer controller has written ${environment} to ${repository.label} since (epoch ${newest.epoch}, this one has ${epoch})`,
  )
}

export async function makeCommit(
  { repository, project, environment }: ManifestBranch,
  parent: CommitId,
  files: ManifestFiles,
  changes: readonly ServiceChange[],
  why: CommitReason,
): Promise<CommitId> {
  const { deployment, actor } = why
  return await repository.commit({
    parent,
    files: files.changed(),
    subject: subjectOf(project, environment, changes, why),
    body: bodyOf(changes, why),
    trailers: trailersOf({
      project,
      environment,
      epoch: why.epoch,
      deployment: deployment?.id ?? null,
      release: deployment?.candidate.release ?? null,
      commit: deployment?.candidate.commit ?? null,
      services: [...changes],
    }),
    author: actor,
    at: why.at,
  })
}

const maxSubjectNames = 3

export function subjectOf(
  project: string,
  environment: EnvironmentName,
  changes: readonly ServiceChange[],
  { deployment, because }: CommitReason,
): string {
  const names = changes.map(({ service }) => service)
  const who =
    names.length > maxSubjectNames
      ? `${names.slice(0, maxSubjectNames).join(', ')} and ${names.length - maxSubjectNames} more`
      : names.join(', ')
  if (because !== null) return `Put ${who} back in ${environment}`
  const version = deployment === null ? '' : ` ${deployment.candidate.version}`
  return `Deploy ${project}${version} to ${environment}: ${who}`
}

export function bodyOf(changes: readonly ServiceChange[], { deployment, because, actor }: CommitReason): string {
  const lines = changes.map(({ service, from, to }) => `${service}: ${from ?? 'nothing'} → ${to}`)
  const why = because ?? whyOf(deployment, actor)
  return [why, '', ...lines].join('\n')
}

function whyOf(deployment: CommitReason['deployment'], actor: Actor): string {
  if (deployment === null) return `By ${actor.name}.`
  const { commit, ref, author } = deployment.candidate
  return `Commit ${short(commit)} by ${author.name}${ref === null ? '' : `, from ${ref}`}; deployed by ${actor.name}.`
}
