/** The platforms Trunkline deploys to. Each stands here once and is loaded only where an environment uses it. */

import type { Home } from '../home/index.ts'
import type { EnvironmentName, TargetConfig } from '../model/index.ts'
import type { Clock, Target } from '../ports/index.ts'

/** What a target gets to know besides its own configuration. */
export type TargetSurroundings = {
  project: string
  environment: EnvironmentName
  home: Home
  clock: Clock
}

type TargetOpeners = {
  [Kind in TargetConfig['kind']]: (
    config: Extract<TargetConfig, { kind: Kind }>,
    surroundings: TargetSurroundings,
  ) => Promise<Target>
}

const openers: TargetOpeners = {
  fleet: async ({ fleet }, surroundings) => {
    const { createFleetTarget } = await import('./fleet/index.ts')
    return createFleetTarget({ config: fleet, ...surroundings })
  },
}

/** The adapter for one target of one environment. Nothing is contacted yet. */
export function openTarget(config: TargetConfig, surroundings: TargetSurroundings): Promise<Target> {
  return openers[config.kind](config, surroundings)
}
