/** What says how a service is deployed, beside its artifact: files of the repository, and artifacts by the names of images. */
import type { ServiceName } from './identity.ts'
import { describedBy } from './kubernetes.ts'
import type { Run } from './project.ts'

export type RunDescription = {
  /** Paths and globs; `{environment}` in them makes what they name an overlay of that environment. */
  files: string[]
  /** Names in those files, and the services whose artifacts stand in for them. */
  images: Record<string, ServiceName>
}

/** null: how it runs stands in `trunkline.yaml` alone. */
export function descriptionOf(run: Run | null): RunDescription | null {
  if (run === null) return null
  if (run.kind === 'cloudformation') return { files: run.parameterFiles, images: run.code }
  if (run.kind === 'terraform') return { files: run.variableFiles, images: {} }
  if (run.kind === 'serverless') return { files: [run.config, ...run.files], images: {} }
  if (run.kind === 'appspec' || run.kind === 'lambda' || run.kind === 'site' || run.kind === 'pipeline') return null
  if (run.kubernetes === undefined) return null
  const ofTask = run.kind === 'container' && run.ecs !== undefined ? [run.ecs.taskDefinition] : []
  return { files: [...describedBy(run.kubernetes), ...ofTask], images: run.kubernetes.images }
}
