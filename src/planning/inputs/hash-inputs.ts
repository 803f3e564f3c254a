/** Input hashes: what a build, a check or a preparation depends on, as one digest, with its parts kept for explanations. */
import { canonicalJson, digestOf, sha256 } from '../../hashing/index.ts'
import type {
  ArtifactRecipe,
  BuildEnvironment,
  Check,
  InputHash,
  Project,
  Service,
  ServiceName,
} from '../../model/index.ts'
import { ownerOf } from './artifact-owner.ts'
import type { HashedService, HashManifest } from './hash-manifest.ts'
import { packerVersion } from './packer-version.ts'
import type { Selection, ServiceInputs } from './selected-input.ts'

export type HashRequest = {
  project: Project
  selection: Selection
  /** `linux/x64`: counts where the project does not name a platform of its own. */
  platform: string
  /** Values of the names that builds pass through; a name that is not here counts as unset. */
  environmentValues: Readonly<Record<string, string | undefined>>
  /** Hashes of another commit with the same project, platform and values: what has the same files has the same hash. */
  like?: InputHashes
}

export type InputHashes = {
  inputHash: Record<ServiceName, InputHash>
  checkHash: Record<ServiceName, Record<string, InputHash>>
  /** One for all services: `prepare` runs once per content. null where there is none. */
  prepareHash: InputHash | null
  /** Over the deploy inputs. */
  deployHash: Record<ServiceName, InputHash>
  /** The same hashes with their parts, for `explainHash`. */
  services: Record<ServiceName, HashedService>
  prepare: HashManifest | null
}

type Parts = Record<string, string | undefined>

/** Hashes every service of a selection. Neither key order in the file nor anything of an unrelated service counts. */
export function hashInputs(request: HashRequest): InputHashes {
  const { project, selection } = request
  const world = worldParts(request)
  const prepare = hashPrepare(request, world)
  const builds = new Map<ServiceName, HashManifest>()

  const hashBuild = (name: ServiceName, path: readonly ServiceName[]): HashManifest => {
    const owner = ownerOf(project, name)
    const known = builds.get(owner)
    if (known !== undefined) return known
    if (path.includes(owner)) throw new Error(`${[...path, owner].join(' needs ')}: a circle`) // configuration refuses this
    const service = serviceOf(project, owner)
    const needs = needsOf(service, (needed) => hashBuild(needed, [...path, owner]))
    const behind = { ...needs, ...(prepare === null || preparesNothing(service) ? {} : { prepare }) }
    const files = [inputsOf(selection, owner).inputs]
    const manifest =
      sameManifest(request.like?.services[owner]?.build, files, behind) ??
      makeManifest(owner, files, {
        parts: {
          ...world,
          ...environmentParts(service.build?.env, request),
          run: service.build?.run ?? undefined,
          esbuild: service.build?.esbuild && canonicalJson(service.build.esbuild),
          artifact: recipeText(service.artifact),
          packer: packerVersion,
          rebuild: service.rebuild ?? undefined,
        },
        behind,
      })
    builds.set(owner, manifest)
    return manifest
  }

  const hashCheck = (service: Service, name: string, check: Check): HashManifest => {
    const selected = inputsOf(selection, service.name)
    const owner = serviceOf(project, ownerOf(project, service.name))
    const files = [selected.inputs, selected.checkInputs]
    const behind = {
      ...needsOf(owner, (needed) => hashBuild(needed, [])),
      ...(prepare === null ? {} : { prepare }),
    }
    return (
      sameManifest(request.like?.services[service.name]?.checks[name], files, behind) ??
      makeManifest(`${service.name}/${name}`, files, {
        parts: { ...world, ...environmentParts(check.env, request), run: check.run },
        behind,
      })
    )
  }

  const hashDeploy = (name: ServiceName): HashManifest => {
    const files = [inputsOf(selection, name).deployInputs]
    const known = sameManifest(request.like?.services[name]?.deploy, files, {})
    return known ?? makeManifest(name, files, { parts: {}, behind: {} })
  }

  const services: Record<ServiceName, HashedService> = {}
  for (const service of Object.values(project.services)) {
    services[service.name] = {
      build: hashBuild(service.name, []),
      checks: mapValues(service.checks, (check, name) => hashCheck(service, name, check)),
      deploy: hashDeploy(service.name),
    }
  }
  return {
    inputHash: mapValues(services, (hashed) => hashed.build.hash),
    checkHash: mapValues(services, (hashed) => mapValues(hashed.checks, (check) => check.hash)),
    prepareHash: prepare?.hash ?? null,
    deployHash: mapValues(services, (hashed) => hashed.deploy.hash),
    services,
    prepare,
  }
}

/** What a Dockerfile needs installed it installs itself; `prepare` is for commands that run here. */
export const preparesNothing = ({ artifact, build }: Service): boolean =>
  artifact.kind === 'dockerfile' && build === null

function hashPrepare(request: HashRequest, world: Parts): HashManifest | null {
  const { prepare } = request.project
  if (prepare === null) return null
  // The same for every service; a project without services has nothing to prepare for.
  const files = Object.values(request.selection)[0]?.prepare
  return makeManifest('prepare', files === undefined ? [] : [files], {
    parts: { ...world, ...environmentParts(prepare.env, request), run: prepare.run },
    behind: {},
  })
}

/** The machine and its tools, as far as the project says that they matter. */
function worldParts({ project, platform }: HashRequest): Parts {
  const tools = Object.entries(project.tools).map(([name, version]): [string, string] => [`tool:${name}`, version])
  return { ...Object.fromEntries(tools), platform: project.platform ?? platform }
}

/** Values may be secret, so they count by digest; a name passed through but not set is not the same as an empty one. */
function environmentParts(environment: BuildEnvironment | undefined, request: HashRequest): Parts {
  const parts: Parts = {}
  for (const [name, value] of Object.entries(environment?.set ?? {})) parts[`env:${name}`] = sha256(`=${value}`)
  for (const name of environment?.pass ?? []) {
    const value = request.environmentValues[name]
    parts[`pass:${name}`] = value === undefined ? 'unset' : sha256(`=${value}`)
  }
  return parts
}

function needsOf(service: Service, hash: (name: ServiceName) => HashManifest): Record<string, HashManifest> {
  return Object.fromEntries(service.needs.map((name) => [`needs:${name}`, hash(name)]))
}

/** Which files go in does not depend on the order of the patterns. */
function recipeText(recipe: ArtifactRecipe): string {
  if (recipe.kind === 'of') return canonicalJson(recipe)
  // How long it may take changes nothing in what it makes.
  if (recipe.kind === 'dockerfile') return canonicalJson({ ...recipe, timeoutMs: undefined })
  return canonicalJson({
    ...recipe,
    include: [...new Set(recipe.include)].sort(),
    exclude: [...new Set(recipe.exclude)].sort(),
  })
}

/** The manifest of another commit over these files, where nothing that counts differs. */
function sameManifest(
  known: HashManifest | undefined,
  files: HashManifest['files'],
  behind: Record<string, HashManifest>,
): HashManifest | null {
  if (known === undefined || known.files.length !== files.length) return null
  const isSame =
    files.every((list, at) => list.digest() === known.parts[`files:${at}`]) &&
    Object.entries(behind).every(([name, manifest]) => manifest.hash === known.parts[name])
  return isSame ? { ...known, files, behind } : null
}

function makeManifest(
  subject: string,
  files: HashManifest['files'],
  made: { parts: Parts; behind: Record<string, HashManifest> },
): HashManifest {
  const parts: Record<string, string> = {}
  for (const [at, list] of files.entries()) parts[`files:${at}`] = list.digest()
  for (const [name, value] of Object.entries(made.parts)) if (value !== undefined) parts[name] = value
  for (const [name, manifest] of Object.entries(made.behind)) parts[name] = manifest.hash
  return { subject, hash: digestOf('inputs', parts) as InputHash, files, parts, behind: made.behind } // digestOf answers 64 hex digits
}

function serviceOf(project: Project, name: ServiceName): Service {
  const service = project.services[name]
  if (service === undefined) throw new Error(`no service ${name}`) // configuration refuses this
  return service
}

function inputsOf(selection: Selection, name: ServiceName): ServiceInputs {
  const inputs = selection[name]
  if (inputs === undefined) throw new Error(`no inputs were selected for ${name}`)
  return inputs
}

function mapValues<Value, Result>(
  record: Record<string, Value>,
  map: (value: Value, key: string) => Result,
): Record<string, Result> {
  const mapped: Record<string, Result> = {}
  for (const key of Object.keys(record)) mapped[key] = map(record[key] as Value, key) // its own key
  return mapped
}
