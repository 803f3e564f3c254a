/**
 * The setting of a delivery: a commit, its recipe, and the policy of the remote's trunk (invariant 12).
 * A branch cannot grant itself anything: not even which branch is the trunk is its own word.
 */
import { combinePolicyAndRecipe } from '../config/combine.ts'
import { signersOf } from '../ledger/index.ts'
import type { Commit, CommitId, EnvironmentPolicy, Project, Reason, RefName } from '../model/index.ts'
import { usageError } from '../model/index.ts'
import { branchRef } from '../planning/index.ts'
import type { Engine } from './engine.ts'

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

export async function openScene(
  engine: Engine,
  id: CommitId,
  ref: RefName | null,
  signal: AbortSignal,
): Promise<Scene> {
  const { source } = engine.world
  const [commit, recipe] = await Promise.all([source.commit(id), engine.world.projectAt(id)])
  const guessedTrunk = branchRef(recipe.trunk)
  const asked = [...(ref === null ? [] : [ref]), guessedTrunk]
  const { head, tips } = await source.remoteRefs(asked, signal)
  const tip = ref === null ? null : (tips.get(ref) ?? null)
  const policy = await readPolicy(engine, { recipe, recipeCommit: id, head, tips, guessedTrunk, signal })
  const { project, ignored } = combinePolicyAndRecipe(policy.project, recipe)
  // Whose signatures count is policy too.
  engine.ledger.trust.under(signersOf(project))
  return { commit, project, ignored, tip, trunk: policy.trunk }
}

type PolicySource = {
  recipe: Project
  recipeCommit: CommitId
  head: RefName | null
  tips: ReadonlyMap<RefName, CommitId>
  guessedTrunk: RefName
  signal: AbortSignal
}

/** The remote's HEAD branch says which branch is trunk; only where it says nothing does the commit's own word count. */
async function readPolicy(
  engine: Engine,
  { recipe, recipeCommit, head, tips, guessedTrunk, signal }: PolicySource,
): Promise<{ project: Project; trunk: CommitId | null }> {
  const projectOf = async (branch: RefName, commit: CommitId) => {
    if (commit === recipeCommit) return recipe
    await engine.world.source.ensureCommit(commit, branch, signal)
    return await engine.world.projectAt(commit)
  }
  const headTip = head === null ? undefined : tips.get(head)
  if (head !== null && headTip !== undefined && (await hasConfig(engine, headTip, head, signal))) {
    const project = await projectOf(head, headTip)
    const named = branchRef(project.trunk)
    if (named === head) return { project, trunk: headTip }
    const trunkTip = tips.get(named) ?? (await engine.world.source.remoteTip(named, signal))
    if (trunkTip !== null) return { project: await projectOf(named, trunkTip), trunk: trunkTip }
    return { project, trunk: headTip }
  }
  const trunkTip = tips.get(guessedTrunk)
  if (trunkTip === undefined) return { project: recipe, trunk: null }
  if (!(await hasConfig(engine, trunkTip, guessedTrunk, signal))) {
    throw usageError(
      'NO_POLICY',
      `${recipe.trunk} has no trunkline.yaml at the remote yet: it says which environments exist`,
      {
        hint: `bring trunkline.yaml to ${recipe.trunk} first`,
      },
    )
  }
  return { project: await projectOf(guessedTrunk, trunkTip), trunk: trunkTip }
}

async function hasConfig(engine: Engine, commit: CommitId, branch: RefName, signal: AbortSignal): Promise<boolean> {
  await engine.world.source.ensureCommit(commit, branch, signal)
  return (await engine.world.source.readFile(commit, 'trunkline.yaml')) !== null
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
