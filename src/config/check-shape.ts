/** Whether the data has the shape of a configuration, and what of it has. */
import { explainIssue, type PlacedMistake } from './explain-issue.ts'
import { PrunedData } from './pruned-data.ts'
import { type ProjectDocument, projectSchema } from './schema/project.ts'
import { isMisspelt } from './schema/shapes.ts'
import type { Path } from './yaml-source.ts'

export type CheckedShape = {
  /** What is left when mistaken parts are taken away; null where nothing useful is. */
  document: ProjectDocument | null
  mistakes: PlacedMistake[]
  /** The path in the file of a path in `document`. */
  originalPath(path: Path): Path
}

/** A mistake within a mistake within …: no deeper than the schema. */
const mostRounds = 16

/** Stand-ins for what a project cannot do without, once its absence has been told. */
const standIns = { project: 'unnamed', services: {} }

/**
 * Checks the data against the schema. Where it has mistakes, they are taken out and the rest is checked again, until
 * something is left on which references can be checked too.
 */
export function checkShape(data: unknown): CheckedShape {
  const pruned = new PrunedData(data)
  const mistakes: PlacedMistake[] = []
  const originalPath = (path: Path): Path => pruned.originalPath(path)
  const disturbed = new Set<string>()

  for (let round = 0; round < mostRounds; round += 1) {
    // Code generation pays off after many parses of one schema; a process parses one or two files.
    const given = round === 0 ? pruned.data : { ...standIns, ...asObject(pruned.data) }
    const result = projectSchema.safeParse(given, { jitless: true })
    if (result.success) return { document: result.data, mistakes: withoutEchoes(mistakes), originalPath }

    const found = result.error.issues
      .flatMap((issue) => explainIssue(issue))
      .map(({ path, mistake }) => ({ path: originalPath(path), mistake }))
    mistakes.push(...found.filter((placed) => round === 0 || isNew(placed, disturbed)))
    const containers = found.map(({ path, mistake }) => pruned.prune(whatToPrune(path, mistake.code, mistake.key)))
    for (const container of containers) if (container !== null) disturbed.add(JSON.stringify(container))
    if (round > 0 && containers.every((container) => container === null)) break
    pruned.refresh()
  }
  return { document: null, mistakes: withoutEchoes(mistakes), originalPath }
}

const asObject = (data: unknown): object => (typeof data === 'object' && data !== null ? data : {})

const whatToPrune = (path: Path, code: string, key: string | undefined): Path =>
  key !== undefined ? [...path, key] : code === 'MISSING_KEY' ? path.slice(0, -1) : path

/** In later rounds, what pruning itself brought about is no mistake of the user. */
const isNew = ({ path, mistake }: PlacedMistake, disturbed: ReadonlySet<string>): boolean =>
  mistake.code !== 'MISSING_KEY' && mistake.code !== 'WRONG_TYPE' && !disturbed.has(JSON.stringify(path))

/** A misspelt key also leaves the right one missing: that is one mistake, not two. */
function withoutEchoes(mistakes: readonly PlacedMistake[]): PlacedMistake[] {
  const unknownKeys = new Map<string, string[]>()
  for (const { path, mistake } of mistakes) {
    if (mistake.key === undefined) continue
    const container = JSON.stringify(path)
    const around = unknownKeys.get(container) ?? []
    around.push(mistake.key)
    unknownKeys.set(container, around)
  }
  return mistakes.filter(({ path, mistake }) => {
    if (mistake.code === 'NOT_EXACTLY_ONE') return !unknownKeys.has(JSON.stringify(path))
    if (mistake.code !== 'MISSING_KEY') return true
    const around = unknownKeys.get(JSON.stringify(path.slice(0, -1))) ?? []
    return !around.some((unknown) => isMisspelt(unknown, String(path.at(-1))))
  })
}
