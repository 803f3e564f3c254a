/** What an execution waits for: a person's approval, a transition that somebody has disabled, its turn. */
import { GetPipelineStateCommand, type StageState } from '@aws-sdk/client-codepipeline'
import { type Action, nameOf, sayPerson } from './actions.ts'
import { codepipelineOf, type Parts, sayExecution } from './parts.ts'
import type { Pipeline } from './pipeline.ts'

export type Wait =
  /** `token` is that of this very execution; null: it is not to be had yet. */
  | { kind: 'approval'; stage: string; action: string; token: string | null; message: string }
  | { kind: 'transition'; message: string }
  /** Another execution is in the stage that comes next. */
  | { kind: 'turn'; message: string }

export async function readStages(parts: Parts, pipelineName: string, signal: AbortSignal): Promise<StageState[]> {
  const command = new GetPipelineStateCommand({ name: pipelineName })
  return (await parts.aws.send(codepipelineOf(parts), command, { signal })).stageStates ?? []
}

export async function waitsOf(
  parts: Parts,
  pipeline: Pipeline,
  { id, actions }: { id: string; actions: readonly Action[] },
  signal: AbortSignal,
): Promise<Wait[]> {
  const stages = await readStages(parts, pipeline.name, signal)
  const approvals = actions.filter(({ category, status }) => category === 'Approval' && status === 'InProgress')
  return [
    ...approvals.map((action): Wait => {
      const { stage, name } = action
      const token = pipeline.mode === 'PARALLEL' ? action.externalId : tokenIn(stages, { id, action })
      return { kind: 'approval', stage, action: name, token, message: `waits for the approval ${nameOf(action)}` }
    }),
    ...stages.filter((stage) => isBefore(stage, id)).flatMap((stage) => waitBefore(stage, id)),
  ]
}

/** Never that of another execution, which may stand in the same place by now. */
function tokenIn(stages: readonly StageState[], { id, action }: { id: string; action: Action }): string | null {
  const stage = stages.find(({ stageName }) => stageName === action.stage)
  if (stage?.latestExecution?.pipelineExecutionId !== id) return null
  const found = stage.actionStates?.find(({ actionName }) => actionName === action.name)?.latestExecution
  const isIt = found?.status === 'InProgress' && found.actionExecutionId === action.id
  return isIt ? (found.token ?? null) : null
}

const isBefore = ({ inboundExecution, inboundExecutions = [] }: StageState, id: string): boolean =>
  [inboundExecution, ...inboundExecutions].some((inbound) => inbound?.pipelineExecutionId === id)

function waitBefore(stage: StageState, id: string): Wait[] {
  const disabled = disabledIn(stage)
  if (disabled !== null) return [{ kind: 'transition', message: `waits before ${stage.stageName}: ${disabled}` }]
  const { pipelineExecutionId: other, status } = stage.latestExecution ?? {}
  if (other === undefined || other === id || status !== 'InProgress') return []
  return [{ kind: 'turn', message: `waits before ${stage.stageName}, where ${sayExecution(other)} is` }]
}

/** `release/ada has disabled the transition since 2026-03-01T09:00:00Z: freeze`; null: it is open. */
export function disabledIn({ inboundTransitionState }: StageState): string | null {
  const { enabled = true, lastChangedBy, lastChangedAt, disabledReason } = inboundTransitionState ?? {}
  if (enabled) return null
  const since = lastChangedAt === undefined ? '' : ` since ${lastChangedAt.toISOString()}`
  const why = disabledReason ? `: ${disabledReason}` : ', and does not say why'
  return `${sayPerson(lastChangedBy)} has disabled the transition${since}${why}`
}
