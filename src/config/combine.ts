/** Invariant 12: policy comes from the remote's trunk, recipe from the commit. */
import { isDeepStrictEqual } from 'node:util'
import {
  type ArtifactStoreLocation,
  type Environment,
  type EnvironmentName,
  type EnvironmentRecipe,
  emptyRecipe,
  type Project,
  type Reason,
  reason,
} from '../model/index.ts'

export type CombinedProject = {
  project: Project
  /** What the commit says and trunk does not let it say. */
  ignored: Reason[]
}

/**
 * The project to deliver a commit with: its services, prepare, tools, platform, tasks, shared inputs and each
 * environment's recipe are the commit's, all else is trunk's. An environment that only the commit has is left out and
 * told, so that a branch cannot grant itself a place to run.
 */
export function combinePolicyAndRecipe(trunk: Project, commit: Project): CombinedProject {
  const environments = Object.entries(trunk.environments).map(([name, policy]): [EnvironmentName, Environment] => [
    name,
    { ...policy, recipe: recipeOf(commit, name) },
  ])
  return {
    project: {
      ...trunk,
      shared: commit.shared,
      platform: commit.platform,
      tools: commit.tools,
      prepare: commit.prepare,
      services: commit.services,
      tasks: commit.tasks,
      environments: Object.fromEntries(environments),
    },
    ignored: [
      ...Object.keys(commit.environments)
        .filter((name) => !Object.hasOwn(trunk.environments, name))
        .map((name) => notOnTrunk(name, trunk.trunk)),
      ...ignoredPlaces(trunk, commit),
      ...ignoredBuilds(trunk, commit),
    ],
  }
}

const recipeOf = (commit: Project, name: EnvironmentName): EnvironmentRecipe =>
  (Object.hasOwn(commit.environments, name) ? commit.environments[name]?.recipe : undefined) ?? emptyRecipe

const notOnTrunk = (name: EnvironmentName, trunk: string): Reason =>
  reason('environment-not-on-trunk', `environment ${name} is ignored: trunkline.yaml on ${trunk} does not have it`, {
    hint: `environments come into being on ${trunk}: merge it there first`,
  })

/** Where state and artifacts are: what a commit says of it that trunk does not say. */
function ignoredPlaces(trunk: Project, commit: Project): Reason[] {
  const places = (project: Project): Array<[key: string, said: string]> => [
    ['state.remote', project.state.remote],
    ['state.prefix', project.state.prefix],
    ['artifacts', artifactsText(project.artifacts)],
  ]
  const inCommit = new Map(places(commit))
  return places(trunk).flatMap(([key, said]) => {
    const own = inCommit.get(key)
    if (own === undefined || own === said) return []
    const message = `${key} ${own} of this commit is ignored: trunkline.yaml on ${trunk.trunk} says ${said}`
    return reason('place-not-on-trunk', message, { hint: `${key} is policy: it changes on ${trunk.trunk}` })
  })
}

/** Where builds run decides which rights they have there. */
function ignoredBuilds(trunk: Project, commit: Project): Reason[] {
  if (commit.builds.on === null || isDeepStrictEqual(trunk.builds, commit.builds)) return []
  const message = `builds of this commit is ignored: ${trunk.trunk} has ${trunk.builds.on === null ? 'the machine that delivers' : `another (${trunk.builds.on.kind})`}`
  return [reason('place-not-on-trunk', message, { hint: `where builds run is policy: it changes on ${trunk.trunk}` })]
}

/** As `trunkline.yaml` says it. */
function artifactsText(location: ArtifactStoreLocation): string {
  if (location.kind === 'oci-registry') return `oci${location.insecure ? '+http' : ''}://${location.repository}`
  if (location.kind === 's3') return `s3://${location.bucket}${location.prefix === '' ? '' : `/${location.prefix}`}`
  return location.path === null ? 'oci-layout' : `oci-layout:${location.path}`
}
