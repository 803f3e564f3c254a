import type { Project, Tree } from '../../model/index.ts'
import { createCommitView } from './commit-view.ts'
import { projectFile } from './select-inputs.ts'
import type { Selection } from './selected-input.ts'

/** Paths that are inputs of nothing: no build, check, preparation or deployment of any service or environment. */
export function unclaimedPaths(project: Project, tree: Tree, selection: Selection): string[] {
  const claimed = new Set<string>([projectFile])
  for (const { inputs, checkInputs, deployInputs, prepare } of Object.values(selection)) {
    for (const list of [inputs, checkInputs, deployInputs, prepare])
      for (const { entry } of list) claimed.add(entry.path)
  }
  const view = createCommitView(tree, new Map())
  for (const environment of Object.values(project.environments)) {
    for (const pattern of environment.recipe.deployInputs) {
      for (const position of view.match(pattern)) claimed.add(view.entry(position).path)
    }
  }
  return tree.map((entry) => entry.path).filter((path) => !claimed.has(path))
}
