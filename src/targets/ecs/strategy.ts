/**
 * What ECS is told of how a rollout goes. By surge, the service itself says it. In stages, ECS shifts the requests: all
 * at once (blue-green), a few and then the rest (canary), or so many more each time (linear).
 */
import type { DeploymentConfiguration, DeploymentLifecycleHook } from '@aws-sdk/client-ecs'
import {
  isStaged,
  type Reason,
  type RolloutStage,
  type RolloutStrategy,
  reason,
  type StagedStrategy,
} from '../../model/index.ts'

const minuteMs = 60_000
const maxMinutes = 1440
/** ECS takes no smaller steps than this. */
const smallestStep = 3

/** null: the service's own one is right as it is. A way back goes as what went forward before it, and waits nowhere. */
export function configurationFor(
  own: DeploymentConfiguration,
  strategy: RolloutStrategy,
  timeoutMs: number,
): DeploymentConfiguration | null {
  if (isStaged(strategy)) return { ...own, ...staged(own, strategy, timeoutMs) }
  const { deploymentCircuitBreaker: breaker } = own
  if (isShifting(own) || (breaker?.enable === true && breaker.rollback === true)) return null
  return { ...own, deploymentCircuitBreaker: { ...breaker, enable: true, rollback: true } }
}

/** Whether ECS lets requests go over from old tasks to new ones. */
export const isShifting = ({ strategy = 'ROLLING' }: DeploymentConfiguration): boolean => strategy !== 'ROLLING'

function staged(own: DeploymentConfiguration, strategy: StagedStrategy, timeoutMs: number): DeploymentConfiguration {
  // What belongs to one strategy alone is no good to another.
  const { canaryConfiguration, linearConfiguration, earlySuccessCriteria, lifecycleHooks = [], ...rest } = own
  const { stages } = strategy
  const percent = stages[0]?.weight ?? 100
  return {
    ...rest,
    lifecycleHooks: [
      ...lifecycleHooks.filter(({ targetType }) => targetType !== 'PAUSE'),
      pauseBetween(strategy, timeoutMs),
    ],
    bakeTimeInMinutes: minutesOf(stages.at(-1)?.pauseMs ?? 0),
    ...(strategy.kind === 'blue-green' || stages.length === 1
      ? { strategy: 'BLUE_GREEN' }
      : stages.length === 2
        ? { strategy: 'CANARY', canaryConfiguration: { canaryPercent: percent, canaryBakeTimeInMinutes: 0 } }
        : { strategy: 'LINEAR', linearConfiguration: { stepPercent: percent, stepBakeTimeInMinutes: 0 } }),
  }
}

/** ECS waits there for our word. Where nobody is left to say it, it goes back by itself. */
function pauseBetween({ stages }: StagedStrategy, timeoutMs: number): DeploymentLifecycleHook {
  const longestMs = Math.max(...stages.map(({ pauseMs }) => pauseMs))
  return {
    targetType: 'PAUSE',
    lifecycleStages: ['PRE_PRODUCTION_TRAFFIC_SHIFT', 'POST_PRODUCTION_TRAFFIC_SHIFT'],
    timeoutConfiguration: { timeoutInMinutes: minutesOf(timeoutMs + longestMs), action: 'ROLLBACK' },
  }
}

const minutesOf = (ms: number): number => Math.ceil(ms / minuteMs)

/** How long ECS waits by itself in the course of such a deployment. */
export function bakingMs(configuration: DeploymentConfiguration): number {
  if (!isShifting(configuration)) return 0
  const { strategy, bakeTimeInMinutes = 0, canaryConfiguration, linearConfiguration } = configuration
  const { canaryBakeTimeInMinutes = 10 } = canaryConfiguration ?? {}
  const { stepPercent = 10, stepBakeTimeInMinutes = 6 } = linearConfiguration ?? {}
  const stepsMinutes =
    strategy === 'CANARY'
      ? canaryBakeTimeInMinutes
      : strategy === 'LINEAR'
        ? (Math.ceil(100 / stepPercent) - 1) * stepBakeTimeInMinutes
        : 0
  return (bakeTimeInMinutes + stepsMinutes) * minuteMs
}

/** Why ECS cannot go by these stages. */
export function stageObjections({ kind, stages }: StagedStrategy): Reason[] {
  const tooLong = stages.find(({ pauseMs }) => minutesOf(pauseMs) > maxMinutes)
  if (tooLong !== undefined) return [objection('ECS waits a day at most', 'give the rollout a shorter pause')]
  if (kind === 'blue-green') return []
  const before = stages.filter(({ weight }) => weight < 100)
  if (before.length < 2) return []
  if (!isEven(before)) {
    return [
      objection(
        `ECS shifts a few requests and then the rest, or equal steps, and not ${before.map(({ weight }) => `${weight} %`).join(', ')}, 100 %`,
        'for example `rollout: { canary: { steps: [{ weight: 10, pause: 5m }] } }`, or linear, `rollout: { canary: { every: 10, pause: 1m } }`',
      ),
    ]
  }
  if ((before[0]?.weight ?? 0) < smallestStep) {
    return [objection(`ECS takes no steps below ${smallestStep} %`, 'take larger ones: `every: 5`')]
  }
  return []
}

const isEven = (stages: readonly RolloutStage[]): boolean =>
  stages.every(({ weight }, index) => weight === (stages[0]?.weight ?? 0) * (index + 1)) &&
  (stages[0]?.weight ?? 0) * (stages.length + 1) >= 100

const objection = (message: string, hint: string): Reason => reason('rollout-not-available', message, { hint })
