/** All inference rules, run for one service after the other over one view of the commit. */
import type { Project, Service } from '../../model/index.ts'
import { createFolderClaims, type Inference, type InferenceRule, nothingInferred } from './claim.ts'
import type { CommitView } from './commit-view.ts'
import { createDockerfileRule } from './inference/dockerfile-copy.ts'
import { createGoRule } from './inference/go-packages.ts'
import { createNpmRule } from './inference/npm-workspaces.ts'
import { createPythonRule } from './inference/python-paths.ts'
import { createTsconfigRule } from './inference/tsconfig.ts'

export function createInference(view: CommitView, project: Project): InferenceRule {
  const claimFolder = createFolderClaims(view, project)
  const npm = createNpmRule(view, project, claimFolder)
  const tsconfig = createTsconfigRule(view, claimFolder)
  const go = createGoRule(view, claimFolder)
  const python = createPythonRule(view, claimFolder)
  const dockerfile = createDockerfileRule(view)

  const known = new Map<Service, Inference>()
  return (service: Service): Inference => {
    if (!service.infer || service.artifact.kind === 'of') return nothingInferred
    const before = known.get(service)
    if (before !== undefined) return before
    const packages = npm(service)
    const rest = [tsconfig(service, packages.folders), go(service), python(service), dockerfile(service)]
    const inference = joined([packages, ...rest])
    known.set(service, inference)
    return inference
  }
}

const joined = (parts: readonly Inference[]): Inference => ({
  claims: parts.flatMap((part) => part.claims),
  checkClaims: parts.flatMap((part) => part.checkClaims),
  checkOnly: parts.flatMap((part) => [...part.checkOnly]),
  folders: parts.flatMap((part) => part.folders),
  notes: parts.flatMap((part) => part.notes),
})
