/** Where checks and builds run when it is not this machine: every workplace, loaded when it is asked for. */
import { type AwsAccess, usageError, type WorkplaceConfig } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import type { Workplace } from './workplace.ts'

export { createWorkplaceBuilder, type WorkplaceBuilderOptions } from './builder.ts'
export type { Assignment, AssignmentContext, RunEnd, Workplace } from './workplace.ts'

export type WorkplaceSurroundings = {
  project: string
  /** What relative paths of the configuration start from. */
  root: string
  variables: NodeJS.ProcessEnv
  clock: Clock
  /** How the project reaches AWS; null where it says nothing of it. */
  aws: AwsAccess | null
}

/** Contacts nothing yet. */
export async function openWorkplace(config: WorkplaceConfig, surroundings: WorkplaceSurroundings): Promise<Workplace> {
  switch (config.kind) {
    case 'kubernetes': {
      const { createKubernetesWorkplace } = await import('./kubernetes/index.ts')
      return createKubernetesWorkplace({ place: config.kubernetes, ...surroundings })
    }
    case 'codebuild': {
      const { aws: access, clock, variables, project: user } = surroundings
      if (access === null) throw usageError('REGION_MISSING', 'the project has no region of AWS')
      const [{ openAws }, { createCodeBuildWorkplace }] = await Promise.all([
        import('../aws/index.ts'),
        import('./codebuild/index.ts'),
      ])
      const aws = openAws(access, { variables, clock, user })
      return createCodeBuildWorkplace({ aws, clock, place: config.codebuild })
    }
  }
}
