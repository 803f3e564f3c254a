/** Where checks and builds run when it is not this machine: every workplace, loaded when it is asked for. */
import type { WorkplaceConfig } from '../model/index.ts'
import type { Workplace } from './workplace.ts'

export { createWorkplaceBuilder, type WorkplaceBuilderOptions } from './builder.ts'
export type { Assignment, AssignmentContext, RunEnd, Workplace } from './workplace.ts'

export type WorkplaceSurroundings = {
  project: string
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
}

/** Contacts nothing yet. */
export async function openWorkplace(config: WorkplaceConfig, surroundings: WorkplaceSurroundings): Promise<Workplace> {
  switch (config.kind) {
    case 'kubernetes': {
      const { createKubernetesWorkplace } = await import('./kubernetes/index.ts')
      return createKubernetesWorkplace({ place: config.kubernetes, ...surroundings })
    }
  }
}
