/** What the manifest repository says of services, who changed it by hand, and what the cluster's side says. */
import type { BranchRepository } from '../../git/index.ts'
import { type CommitId, type Digest, type EnvironmentName, type ServiceName, short } from '../../model/index.ts'
import type { Drift, ObservedService } from '../../ports/index.ts'
import { refusalLine } from './edit/index.ts'
import type { FollowedState } from './following/state.ts'
import { existingTip } from './repository/commit-images.ts'
import { commonDigest, openManifestFiles } from './repository/manifest-files.ts'
import type { ServicePlace } from './repository/service-places.ts'
import { environmentTrailer, noteOf } from './repository/trailers.ts'

export type ObserveOptions = {
  repository: BranchRepository
  branch: string
  project: string
  environment: EnvironmentName
  placesOf(service: ServiceName): readonly ServicePlace[]
  /** Of whoever brings it to a cluster; null where nobody is named, or knows it. */
  followedState(service: ServiceName, signal: AbortSignal): Promise<FollowedState | null>
}

/** How far back our own last word on a service is looked for. */
const maxCommits = 200
const followedAtOnce = 16

export async function observeServices(
  options: ObserveOptions,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const { repository, branch } = options
  const tip = await existingTip(repository, branch, signal)
  const places = new Map(services.map((service) => [service, options.placesOf(service)]))
  const patterns = [...places.values()].flat().map(({ files }) => files)
  const files = await openManifestFiles(repository, tip, [...new Set(patterns)], signal)
  const told = await lastTold(options, tip)
  const observed = new Map<ServiceName, ObservedService>()
  const open = [...places]
  const look = async () => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const [service, own] = next
      const found = files.images(own)
      const digest = commonDigest(found.images)
      const state = digest === null ? null : await options.followedState(service, signal)
      const handmade = digest === null ? null : await byHand(options, tip, digest, told.get(service), found.files)
      const detail =
        found.refusal !== null
          ? refusalLine(found.refusal)
          : found.images.length > 0 && digest === null
            ? `no common digest: ${[...new Set(found.images.map(imageLine))].join(', ')}`
            : [handmade, state?.says].filter(Boolean).join('; ')
      observed.set(service, {
        generation: null,
        tells: 'artifact',
        artifact: digest,
        fingerprint: null,
        instances: instancesOf(digest, state),
        url: null,
        ...(detail === '' ? {} : { detail }),
      })
    }
  }
  await Promise.all(Array.from({ length: followedAtOnce }, look))
  return Object.fromEntries(observed)
}

/** Images that are no longer what Trunkline wrote last, with who changed them. */
export async function findImageDrift(
  options: ObserveOptions,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  const { repository, branch } = options
  const tip = await existingTip(repository, branch, signal)
  const told = await lastTold(options, tip)
  const known = services.filter((service) => told.has(service))
  const places = new Map(known.map((service) => [service, options.placesOf(service)]))
  const patterns = [...places.values()].flat().map(({ files }) => files)
  const files = await openManifestFiles(repository, tip, [...new Set(patterns)], signal)
  const drifts: Drift[] = []
  for (const [service, own] of places) {
    const found = files.images(own)
    const expected = told.get(service)
    if (found.refusal === null && found.images.length > 0 && commonDigest(found.images) === expected) continue
    const last = await repository.lastChange(tip, found.files)
    const by = last === null ? null : { name: last.author.name, at: last.at }
    const actual = found.refusal === null ? found.images.map(imageLine).join(', ') : refusalLine(found.refusal)
    const subject = found.files[0] ?? own[0]?.files ?? branch
    // Nothing left of it: as the port says, no field is told.
    const fields = actual === '' ? [] : [{ path: 'image', expected, actual, by }]
    drifts.push({ service, subject, fields })
  }
  return drifts
}

/** One of one is what GitOps can tell: how many there are is for the manifests to say. */
function instancesOf(digest: Digest | null, state: FollowedState | null): ObservedService['instances'] {
  if (digest === null) return { ready: 0, desired: 0 }
  return { ready: state?.health === 'unhealthy' ? 0 : 1, desired: 1 }
}

const imageLine = ({ repository, tag, digest }: { repository: string; tag: string | null; digest: Digest | null }) =>
  `${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${short(digest)}`}`

/** The digest that Trunkline wrote last for each service of this environment. */
async function lastTold(
  { repository, project, environment }: ObserveOptions,
  tip: CommitId,
): Promise<Map<ServiceName, Digest>> {
  const told = new Map<ServiceName, Digest>()
  for (const { message } of await repository.log(tip, environmentTrailer(environment), maxCommits)) {
    const note = noteOf(message)
    if (note?.project !== project || note.environment !== environment) continue
    for (const { service, to } of note.services) if (!told.has(service)) told.set(service, to)
  }
  return told
}

async function byHand(
  { repository }: ObserveOptions,
  tip: CommitId,
  digest: Digest,
  told: Digest | undefined,
  files: readonly string[],
): Promise<string | null> {
  if (told === undefined || told === digest) return null
  const last = await repository.lastChange(tip, files)
  if (last === null) return null
  return `changed to ${short(digest)} by ${last.author.name} in ${short(last.id)}`
}
