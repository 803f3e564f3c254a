/** A verdict on a commit is on record for all environments; told for one of them, its hint can name where to try again. */
import type { EnvironmentName, Project, Reason } from '../../model/index.ts'

const placeholder = '<environment>'
export const retryHint = `fix it with a new commit, or try it again: trunkline retry ${placeholder}`

/** The same reasons with the hint's environment filled in: the first on the way to this one, for only there it is built. */
export const hintedFor = (project: Project, environment: EnvironmentName, reasons: readonly Reason[]): Reason[] =>
  reasons.map((known) =>
    known.hint?.includes(placeholder)
      ? { ...known, hint: known.hint.replace(placeholder, firstOnTheWay(project, environment)) }
      : known,
  )

function firstOnTheWay(project: Project, environment: EnvironmentName): EnvironmentName {
  const [upstream] = project.environments[environment]?.after ?? []
  // The configuration admits no cycle.
  return upstream === undefined ? environment : firstOnTheWay(project, upstream)
}
