import type { Project, Tree } from '../../model/index.ts'
import { createCommitView } from './commit-view.ts'
import { projectFile } from './project-file.ts'
import type { Selection } from './selected-input.ts'

/** Paths that are inputs of nothing: no build, check, preparation or deployment of any service or environment. */
export function unclaimedPaths(project: Project, tree: Tree, selection: Selection): string[] {
  const view = createCommitView(tree, new Map())
  const claimed = new Set<number>([view.find(projectFile)])
  for (const { inputs, checkInputs, deployInputs, prepare } of Object.values(selection)) {
    for (const { positions } of [inputs, checkInputs, deployInputs, prepare])
      for (const position of positions) claimed.add(position)
  }
  for (const environment of Object.values(project.environments)) {
    for (const pattern of environment.recipe.deployInputs) {
      for (const position of view.match(pattern)) claimed.add(position)
    }
  }
  return Array.from(tree, (entry) => entry.path).filter((_, position) => !claimed.has(position))
}
