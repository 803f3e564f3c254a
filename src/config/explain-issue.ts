/** From zod's issues to mistakes at paths. */
import type * as z from 'zod'
import { carriedMistakes, type Mistake } from './mistake.ts'
import type { Path } from './yaml-source.ts'

/** A mistake, and the path of the value it is about. */
export type PlacedMistake = { path: Path; mistake: Mistake }

/** All mistakes of one issue. `base` is the path of the value that was parsed. */
export function explainIssue(issue: z.core.$ZodIssue, base: Path = []): PlacedMistake[] {
  const path = [...base, ...issue.path.filter((step) => typeof step !== 'symbol')]
  if (issue.code === 'invalid_union') {
    const meant = closestBranch(issue.errors)
    if (meant !== null) return meant.flatMap((inner) => explainIssue(inner, path))
  }
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1))
    return issue.issues.flatMap((inner) =>
      carriedMistakes(inner.message).map((mistake) => ({ path: path.slice(0, -1), mistake: { ...mistake, key } })),
    )
  }
  return carriedMistakes(issue.message).map((mistake) => ({ path, mistake }))
}

/** The form that was probably meant: one whose type fits, with the fewest keys it does not know. */
function closestBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | null {
  let closest: z.core.$ZodIssue[] | null = null
  for (const branch of branches) {
    if (branch.length === 0 || branch.some(isOfOtherType)) continue
    if (closest === null || compareBranches(branch, closest) < 0) closest = branch
  }
  return closest
}

const isOfOtherType = (issue: z.core.$ZodIssue): boolean =>
  issue.path.length === 0 &&
  (issue.code === 'invalid_type' ||
    issue.code === 'invalid_value' ||
    (issue.code === 'invalid_union' && closestBranch(issue.errors) === null))

function compareBranches(left: readonly z.core.$ZodIssue[], right: readonly z.core.$ZodIssue[]): number {
  const [ours, theirs] = [withForms(left), withForms(right)]
  return unknownKeys(ours) - unknownKeys(theirs) || ours.length - theirs.length
}

/** A form may have forms itself: the one that was probably meant stands for it. */
const withForms = (branch: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] =>
  branch.flatMap((issue) => {
    const meant = issue.code === 'invalid_union' ? closestBranch(issue.errors) : null
    return meant === null ? [issue] : withForms(meant)
  })

const unknownKeys = (branch: readonly z.core.$ZodIssue[]): number =>
  branch.reduce((count, issue) => count + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0)
