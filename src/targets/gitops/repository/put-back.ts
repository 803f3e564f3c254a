/**
 * The way back of one service: a new commit after which its files say what they said before the deployment, to the byte
 * where nobody has touched them since.
 */
import type { LoggedCommit } from '../../../git/index.ts'
import type { CommitId, DeploymentId, Digest, ServiceName } from '../../../model/index.ts'
import type { WantedImage } from '../edit/index.ts'
import {
  assertNewest,
  type CommitReason,
  type CommittedImages,
  type ManifestBranch,
  makeCommit,
  type PreparedBranch,
  pushPrepared,
} from './commit-images.ts'
import { commonDigest, openManifestFiles } from './manifest-files.ts'
import type { ServicePlace } from './service-places.ts'
import { type CommitNote, deploymentTrailer, noteOf } from './trailers.ts'

/** What a service's image is called and where it stands, for every service of the deployment. */
export type ServicesKnown = {
  placesOf(service: ServiceName): readonly ServicePlace[]
  imageOf(service: ServiceName, digest: Digest): WantedImage
}

export async function putBack(
  where: ManifestBranch,
  service: ServiceName,
  known: ServicesKnown,
  why: CommitReason & { deployment: { id: DeploymentId } },
  signal: AbortSignal,
): Promise<CommittedImages> {
  return await pushPrepared(where, (tip) => prepareBack(where, tip, service, known, why, signal), signal)
}

export async function prepareBack(
  where: ManifestBranch,
  tip: CommitId,
  service: ServiceName,
  known: ServicesKnown,
  why: CommitReason & { deployment: { id: DeploymentId } },
  signal: AbortSignal,
): Promise<PreparedBranch> {
  const { repository } = where
  const unchanged: PreparedBranch = { kind: 'unchanged', tip, commit: tip }
  await assertNewest(where, tip, why.epoch)
  const forward = await firstCommitOf(where, tip, service, why.deployment.id)
  const parent = forward?.commit.parents[0]
  if (forward === null || parent === undefined) return unchanged

  const places = known.placesOf(service)
  const own = places.map(({ files }) => files)
  const others = forward.note.services.filter((change) => change.service !== service)
  const all = [...own, ...others.flatMap((change) => known.placesOf(change.service).map(({ files }) => files))]
  const now = await openManifestFiles(repository, tip, own, signal)
  const then = await openManifestFiles(repository, forward.commit.id, own, signal)
  const before = await openManifestFiles(repository, parent, [...new Set(all)], signal)
  const from = commonDigest(now.images(places).images)
  const old = commonDigest(before.images(places).images)
  // What came with the same commit for other services stays.
  for (const change of others)
    before.put(change.service, known.placesOf(change.service), known.imageOf(change.service, change.to))

  const { files: paths } = before.images(places)
  const isUntouched = paths.every((path) => now.text(path) === then.text(path))
  if (isUntouched) for (const path of paths) now.replace(path, before.text(path) ?? now.text(path) ?? '')
  else if (old !== null) now.put(service, places, known.imageOf(service, old))
  if (now.changed().length === 0) return unchanged
  const change = { service, from, to: old ?? forward.to }
  return { kind: 'ready', tip, commit: await makeCommit(where, tip, now, [change], why), changes: [change] }
}

/** The commit by which the deployment first brought the service: what was before it is what to go back to. */
async function firstCommitOf(
  { repository, project, environment }: ManifestBranch,
  tip: CommitId,
  service: ServiceName,
  deployment: DeploymentId,
): Promise<{ commit: LoggedCommit; note: CommitNote; to: Digest } | null> {
  const commits = await repository.log(tip, deploymentTrailer(deployment), 100)
  for (const commit of commits.toReversed()) {
    const note = noteOf(commit.message)
    const isOurs = note?.project === project && note.environment === environment && note.deployment === deployment
    const change = isOurs ? note.services.find((known) => known.service === service) : undefined
    if (note && change !== undefined) return { commit, note, to: change.to }
  }
  return null
}
