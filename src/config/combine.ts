/** Invariant 12: policy comes from the remote's trunk, recipe from the commit. */
import {
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
    ignored: Object.keys(commit.environments)
      .filter((name) => !Object.hasOwn(trunk.environments, name))
      .map((name) => notOnTrunk(name, trunk.trunk)),
  }
}

const recipeOf = (commit: Project, name: EnvironmentName): EnvironmentRecipe =>
  (Object.hasOwn(commit.environments, name) ? commit.environments[name]?.recipe : undefined) ?? emptyRecipe

const notOnTrunk = (name: EnvironmentName, trunk: string): Reason =>
  reason('environment-not-on-trunk', `environment ${name} is ignored: trunkline.yaml on ${trunk} does not have it`, {
    hint: `environments come into being on ${trunk}: merge it there first`,
  })
