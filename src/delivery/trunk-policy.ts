/**
 * Policy as it stands on the remote's trunk (invariant 12). It is asked of the remote that refs come from, never of one
 * that a commit names: `state.remote` is policy itself, and is known only when trunk has been read.
 */
import type { CommitId, Project, RefName } from '../model/index.ts'
import { usageError } from '../model/index.ts'
import { branchRef } from '../planning/index.ts'
import type { SourceRepository } from '../ports/index.ts'

export type PolicyPlace = {
  source: Pick<SourceRepository, 'remoteTip' | 'ensureCommit' | 'readFile'>
  projectAt(commit: CommitId): Promise<Project>
}

export type PolicyQuestion = {
  recipe: Project
  recipeCommit: CommitId
  /** What the remote says of the branch that the recipe takes for trunk, and of its HEAD. */
  refs: { head: RefName | null; tips: ReadonlyMap<RefName, CommitId> }
  signal: AbortSignal
}

/** `trunk` is null where the remote has none: then there is only the commit's own word. */
export type TrunkPolicy = { project: Project; trunk: CommitId | null }

/** The remote's HEAD branch says which branch is trunk; only where it says nothing does the commit's own word count. */
export async function readTrunkPolicy(place: PolicyPlace, question: PolicyQuestion): Promise<TrunkPolicy> {
  const { recipe, recipeCommit, refs, signal } = question
  const guessedTrunk = branchRef(recipe.trunk)
  const projectOf = async (branch: RefName, commit: CommitId) => {
    if (commit === recipeCommit) return recipe
    await place.source.ensureCommit(commit, branch, signal)
    return await place.projectAt(commit)
  }
  const { head, tips } = refs
  const headTip = head === null ? undefined : tips.get(head)
  if (head !== null && headTip !== undefined && (await hasConfig(place, headTip, head, signal))) {
    const project = await projectOf(head, headTip)
    const named = branchRef(project.trunk)
    if (named === head) return { project, trunk: headTip }
    const trunkTip = tips.get(named) ?? (await place.source.remoteTip(named, signal))
    if (trunkTip !== null) return { project: await projectOf(named, trunkTip), trunk: trunkTip }
    return { project, trunk: headTip }
  }
  const trunkTip = tips.get(guessedTrunk)
  if (trunkTip === undefined) return { project: recipe, trunk: null }
  if (!(await hasConfig(place, trunkTip, guessedTrunk, signal))) {
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

async function hasConfig(
  { source }: PolicyPlace,
  commit: CommitId,
  branch: RefName,
  signal: AbortSignal,
): Promise<boolean> {
  await source.ensureCommit(commit, branch, signal)
  return (await source.readFile(commit, 'trunkline.yaml')) !== null
}
