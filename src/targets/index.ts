/** The platforms Trunkline deploys to. Each stands here once and is loaded only where an environment uses it. */

import type { Home } from '../home/index.ts'
import { type AwsAccess, type EnvironmentName, type TargetConfig, usageError } from '../model/index.ts'
import type { Clock, Target } from '../ports/index.ts'

/** What a target gets to know besides its own configuration. */
export type TargetSurroundings = {
  project: string
  environment: EnvironmentName
  home: Home
  clock: Clock
  /** Of the repository: paths of a configuration are relative to it. */
  root: string
  /** Variables of this process: for credentials, and for programs that are started. */
  variables: NodeJS.ProcessEnv
  /** Of the environment, where it says. */
  aws: AwsAccess | null
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
  kubernetes: async ({ kubernetes }, surroundings) => {
    const { createKubernetesTarget } = await import('./kubernetes/index.ts')
    return createKubernetesTarget({ config: kubernetes, ...surroundings })
  },
  gitops: async ({ gitops }, surroundings) => {
    const { createGitOpsTarget } = await import('./gitops/index.ts')
    return createGitOpsTarget({ config: gitops, ...surroundings })
  },
  lambda: async ({ lambda }, surroundings) => {
    const { createLambdaTarget } = await import('./lambda/index.ts')
    return createLambdaTarget({ config: lambda, ...inAws('lambda', surroundings) })
  },
  terraform: async ({ terraform }, surroundings) => {
    const { createTerraformTarget } = await import('./terraform/index.ts')
    return createTerraformTarget({ config: terraform, ...surroundings })
  },
  cloudformation: async ({ cloudformation }, surroundings) => {
    const { createCloudFormationTarget } = await import('./cloudformation/index.ts')
    return createCloudFormationTarget({ config: cloudformation, ...inAws('cloudformation', surroundings) })
  },
  codedeploy: async ({ codedeploy }, surroundings) => {
    const { createCodeDeployTarget } = await import('./codedeploy/index.ts')
    return createCodeDeployTarget({ config: codedeploy, ...inAws('codedeploy', surroundings) })
  },
  codepipeline: async ({ codepipeline }, surroundings) => {
    const { createCodePipelineTarget } = await import('./codepipeline/index.ts')
    return createCodePipelineTarget({ config: codepipeline, ...inAws('codepipeline', surroundings) })
  },
  ecs: async ({ ecs }, surroundings) => {
    const { createEcsTarget } = await import('./ecs/index.ts')
    return createEcsTarget({ config: ecs, ...inAws('ecs', surroundings) })
  },
  site: async ({ site }, surroundings) => {
    const { createSiteTarget } = await import('./site/index.ts')
    return createSiteTarget({ config: site, ...inAws('site', surroundings) })
  },
}

/** The configuration's checks say so with its place; this is for a policy that came another way. */
function inAws(kind: TargetConfig['kind'], surroundings: TargetSurroundings): TargetSurroundings & { aws: AwsAccess } {
  const { aws, environment } = surroundings
  if (aws !== null) return { ...surroundings, aws }
  throw usageError('REGION_MISSING', `environment \`${environment}\` is in AWS (${kind}) and has no region`, {
    hint: 'for example `aws: { region: eu-west-1, account: "111122223333" }`',
  })
}

/** The adapter for one target of one environment. Nothing is contacted yet. */
export function openTarget(config: TargetConfig, surroundings: TargetSurroundings): Promise<Target> {
  return open(config.kind, config, surroundings)
}

const open = <Kind extends TargetConfig['kind']>(
  kind: Kind,
  config: Extract<TargetConfig, { kind: Kind }>,
  surroundings: TargetSurroundings,
): Promise<Target> => openers[kind](config, surroundings)
