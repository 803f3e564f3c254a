/** What must hold between the parts of a configuration, beyond the shape of each. */
import { checkAws } from './aws.ts'
import type { Check } from './check.ts'
import { checkCycles } from './cycles.ts'
import { checkEnvironments } from './environments.ts'
import { checkOutputs } from './outputs.ts'
import { checkPipelines } from './pipelines.ts'
import { checkPlatforms } from './platforms.ts'
import { checkRoutes } from './routes.ts'
import { checkServices } from './services.ts'
import { checkSigners } from './signers.ts'
import { checkTargets } from './targets.ts'
import { checkWorkplace } from './workplace.ts'

export type { CheckContext } from './check.ts'
export { checkNames } from './names.ts'

/** Each looks at what has the right shape; `checkNames` looks at the data as written. */
export const checks: readonly Check[] = [
  checkServices,
  checkCycles,
  checkRoutes,
  checkTargets,
  checkEnvironments,
  checkOutputs,
  checkPlatforms,
  checkPipelines,
  checkAws,
  checkSigners,
  checkWorkplace,
]
