/**
 * The setting of a delivery: a commit, its recipe, and the policy of the remote's trunk (invariant 12).
 * A branch cannot grant itself anything: not even which branch is the trunk is its own word.
 */
import { combinePolicyAndRecipe } from '../config/combine.ts'
import { signersOf } from '../ledger/index.ts'
import type { Commit, CommitId, EnvironmentPolicy, Project, Reason, RefName } from '../model/index.ts'
import { usageError } from '../model/index.ts'
import { branchRef } from '../planning/index.ts'
import type { SourceRepository } from '../ports/index.ts'
import type { Engine } from './engine.ts'
import { readTrunkPolicy } from './trunk-policy.ts'

export type Scene = {
  commit: Commit
  /** Policy from trunk, recipe from the commit. */
  project: Project
  /** What the commit declares and trunk does not know. */
  ignored: Reason[]
  /** The ref's commit at the remote now; null where it is gone or no ref was given. */
  tip: CommitId | null
  /** Trunk's commit at the remote. */
  trunk: CommitId | null
}

/** `askRefs`: where what the remote said before in this process is new enough. */
export async function openScene(
  engine: Engine,
  id: CommitId,
  ref: RefName | null,
  signal: AbortSignal,
  askRefs: SourceRepository['remoteRefs'] = engine.world.source.remoteRefs,
): Promise<Scene> {
  const { source } = engine.world
  const [commit, recipe] = await Promise.all([source.commit(id), engine.world.projectAt(id)])
  const refs = await askRefs([...(ref === null ? [] : [ref]), branchRef(recipe.trunk)], signal)
  const tip = ref === null ? null : (refs.tips.get(ref) ?? null)
  const policy = await readTrunkPolicy(engine.world, { recipe, recipeCommit: id, refs, signal })
  const { project, ignored } = combinePolicyAndRecipe(policy.project, recipe)
  // Whose signatures count is policy too.
  engine.ledger.trust.under(signersOf(project))
  return { commit, project, ignored, tip, trunk: policy.trunk }
}

/** The policy half of an environment, without the recipe that travels in the release. */
export function policyOf(project: Project, name: string): EnvironmentPolicy | null {
  if (!Object.hasOwn(project.environments, name)) return null
  const environment = project.environments[name]
  if (environment === undefined) return null
  const { recipe: _recipe, ...policy } = environment
  return policy
}

/** As above, for a name a person typed. */
export function requirePolicy(project: Project, name: string): EnvironmentPolicy {
  const policy = policyOf(project, name)
  if (policy !== null) return policy
  const known = Object.keys(project.environments)
  throw usageError('UNKNOWN_ENVIRONMENT', `there is no environment ${name} on trunk`, {
    hint: known.length > 0 ? `known: ${known.join(', ')}` : 'trunkline.yaml on trunk declares none',
  })
}
