/** Pure: a release from a commit's recipe and its artifacts, and the identities that hang on its content. */
import picomatch from 'picomatch'
import { digestOf } from '../hashing/index.ts'
import type {
  DeployInputs,
  Digest,
  EnvironmentName,
  ObjectId,
  Project,
  Release,
  ReleasedEnvironment,
  ReleasedService,
  ReleaseId,
  RunDescription,
  ServiceName,
  ViewHash,
} from '../model/index.ts'
import { descriptionOf, emptyRecipe, fillIn, isPerEnvironment } from '../model/index.ts'

export type ReleaseParts = {
  project: Project
  artifacts: Record<ServiceName, Digest>
  /** Path to object id, by service. */
  deployInputs: Record<ServiceName, Record<string, ObjectId>>
  /** Path to object id of each environment's overlay. */
  overlays: Record<EnvironmentName, Record<string, ObjectId>>
}

/** Everything needed to deploy. Two commits with the same content have the same release. */
export function composeRelease(parts: ReleaseParts): Release {
  const services: Record<ServiceName, ReleasedService> = {}
  for (const service of Object.values(parts.project.services)) {
    const artifact = parts.artifacts[service.name]
    if (artifact === undefined) throw new Error(`no artifact for ${service.name}`)
    services[service.name] = {
      artifact,
      deployInputs: parts.deployInputs[service.name] ?? {},
      run: service.run,
      env: service.env,
      deployAfter: service.deployAfter,
      target: service.target,
    }
  }
  const environments: Record<EnvironmentName, ReleasedEnvironment> = {}
  for (const environment of Object.values(parts.project.environments)) {
    environments[environment.name] = { ...environment.recipe, overlay: parts.overlays[environment.name] ?? {} }
  }
  const content = { version: 1 as const, services, environments, tasks: parts.project.tasks }
  return { ...content, id: digestOf('release', content) as ReleaseId }
}

/** What one environment sees of a release; an environment its commit did not know sees the services and nothing else. */
export const environmentOf = (release: Release, environment: EnvironmentName): ReleasedEnvironment =>
  release.environments[environment] ?? { ...emptyRecipe, overlay: {} }

/** Digest of that part: `after: stage` asks whether stage's view of this release was verified there (invariant 4). */
export function viewOf(release: Release, environment: EnvironmentName): ViewHash {
  const known = views.get(release) ?? new Map<EnvironmentName, ViewHash>()
  views.set(release, known)
  const view =
    known.get(environment) ??
    (digestOf('view', { services: release.services, environment: environmentOf(release, environment) }) as ViewHash)
  known.set(environment, view)
  return view
}

/** Gates, facts and plan ask again and again; a release never changes. */
const views = new WeakMap<Release, Map<EnvironmentName, ViewHash>>()

/**
 * What instances of a service are made of, secrets aside. Equal generations need no rollout (invariant 3).
 * Without an environment: what is common to all.
 */
export function generationOf(release: Release, name: ServiceName, environment: EnvironmentName | null): string {
  const service = release.services[name]
  if (service === undefined) throw new Error(`the release has no service ${name}`)
  const { artifact, run, env, deployInputs } = service
  const deploy = deployInputsOf(release, name, environment)
  const known = deploy === null ? generations.get(service) : undefined
  if (known !== undefined) return known
  const made = { artifact, run, env, ...(deploy === null ? { deployInputs } : { deploy }) }
  const generation = digestOf('generation', made).slice(0, 32)
  if (deploy === null) generations.set(service, generation)
  return generation
}

/** Facts, plan and rollout ask again and again; a released service never changes. */
const generations = new WeakMap<ReleasedService, string>()

/** Which files and images say how a service is deployed in one environment; null where no files say. */
export function deployInputsOf(
  release: Release,
  name: ServiceName,
  environment: EnvironmentName | null,
): DeployInputs | null {
  const service = release.services[name]
  const description = descriptionOf(service?.run ?? null)
  if (service === undefined || description === null) return null
  const overlay = environment === null ? [] : overlayOf(release, name, description, environment)
  const images = Object.entries(description.images).flatMap(([image, of]): Array<[string, Digest]> => {
    const artifact = release.services[of]?.artifact
    return artifact === undefined ? [] : [[image, artifact]]
  })
  return { files: { ...service.deployInputs, ...Object.fromEntries(overlay) }, images: Object.fromEntries(images) }
}

/** Of an environment's overlay, what this service is described by. */
function overlayOf(release: Release, service: ServiceName, { files }: RunDescription, environment: EnvironmentName) {
  const own = files.filter(isPerEnvironment).map((path) => fillIn(path, { environment, service }))
  const { overlay } = environmentOf(release, environment)
  return Object.entries(overlay).filter(([path]) => own.some((pattern) => isMatch(pattern, path)))
}

const isMatch = (pattern: string, path: string): boolean =>
  path === pattern || path.startsWith(`${pattern}/`) || picomatch(pattern, { dot: true })(path)

/** Every artifact of a release, once. */
export const artifactsOf = (release: Release): Digest[] => [
  ...new Set(Object.values(release.services).map((service) => service.artifact)),
]
