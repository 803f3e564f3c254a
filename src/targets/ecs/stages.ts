/**
 * The stages of a rollout while ECS shifts its requests: ECS pauses before each shift and after the last, and goes on
 * when what it has reached is verified and was watched long enough. What was verified, the ledger says.
 */
import type { DeploymentLifecycleHookDetail, ServiceDeployment } from '@aws-sdk/client-ecs'
import { isStaged, passed, type RolloutStage, type StageProgress, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { weightOf } from './lifecycle.ts'
import { fill, type Parts } from './parts.ts'
import { continueDeployment } from './service-deployments.ts'

export type Stages = {
  /** Called at each look; a verdict that is not ok ends the rollout. */
  look(seen: ServiceDeployment): Promise<Verdict>
  /** How far it is, for who looks on; null: it does not go in stages. */
  progress(seen: ServiceDeployment): StageProgress | null
}

type Looked = { stage: RolloutStage; atMs: number }

export function openStages(
  parts: Parts,
  { service, strategy }: Pick<RolloutRequest, 'service' | 'strategy'>,
  arn: string,
  context: TargetContext,
): Stages {
  const { clock, config } = parts
  const stages = isStaged(strategy) ? strategy.stages : []
  const answered = new Set<string>()
  let noted = 0
  let verified: Looked | null = null
  let isVerifying = false

  async function note(count: number): Promise<void> {
    for (; noted < count; noted += 1) {
      const stage = stages[noted]
      if (stage !== undefined) await context.stagePassed?.({ service, weight: stage.weight })
    }
  }

  async function verify(stage: RolloutStage): Promise<Verdict> {
    const names = stage.verify ?? []
    if (names.length === 0 || context.verifyStage === undefined) return passed
    const template = stage.weight === 100 ? config.url : config.previewUrl
    const address = template === null ? null : fill(parts, service, template)
    context.log(`verifying at ${stage.weight} %: ${names.join(', ')}`)
    if (address === null && stage.weight < 100) {
      context.log(
        'the new tasks have no address of their own (`previewUrl`): what asks the service asks the old ones too',
      )
    }
    const asked = { service, weight: stage.weight, verify: names, address }
    return await context.verifyStage(asked, context.signal)
  }

  async function atPause(stage: RolloutStage, { hookId = '' }: DeploymentLifecycleHookDetail): Promise<Verdict> {
    if (verified?.stage !== stage) {
      isVerifying = true
      const verdict = await verify(stage)
      isVerifying = false
      if (!verdict.ok) return verdict
      await note(stages.indexOf(stage) + 1)
      verified = { stage, atMs: clock.monotonicMs() }
    }
    // ECS itself keeps the old tasks after the last.
    const isOver = stage.weight === 100 || clock.monotonicMs() - verified.atMs >= stage.pauseMs
    if (isOver) await goOn(hookId)
    return passed
  }

  async function goOn(hookId: string): Promise<void> {
    await continueDeployment(parts, arn, hookId, context.signal)
    answered.add(hookId)
  }

  return {
    async look(seen) {
      if (seen.status === 'SUCCESSFUL') {
        await note(stages.length)
        return passed
      }
      const weight = weightOf(seen) ?? 0
      const reached = stages.findLastIndex((stage) => stage.weight <= weight)
      // What it has left behind, it has passed.
      await note(reached)
      const hook = pauseIn(seen, answered)
      if (hook === null) return passed
      const stage = stages[reached]
      if (stage !== undefined) return await atPause(stage, hook)
      context.log('ECS pauses, and is told to go on: who let this delivery go has said so')
      await goOn(hook.hookId ?? '')
      return passed
    },
    progress(seen) {
      if (stages.length === 0) return null
      const weight = weightOf(seen) ?? 0
      const isPaused = pauseIn(seen, answered) !== null || seen.lifecycleStage === 'BAKE_TIME'
      return { weight, phase: isVerifying ? 'verifying' : isPaused ? 'watching' : 'moving' }
    },
  }
}

const pauseIn = (
  { lifecycleHookDetails = [] }: ServiceDeployment,
  answered: ReadonlySet<string>,
): DeploymentLifecycleHookDetail | null =>
  lifecycleHookDetails.find(
    ({ hookId = '', targetType, status }) =>
      targetType === 'PAUSE' && status === 'AWAITING_ACTION' && !answered.has(hookId),
  ) ?? null
