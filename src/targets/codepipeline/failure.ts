/** An execution that did not go well: why, and what ran before is brought back where something was changed. */
import { type Reason, reason, refusedError, type ServiceName, type Verdict } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { type Action, firstFailure, nameOf, sayAction, sayPerson } from './actions.ts'
import { summaryOf } from './approve.ts'
import { beginOrJoin } from './begin.ts'
import { type Execution, type Executions, startExecution } from './executions.ts'
import { type Parts, sayExecution } from './parts.ts'
import { changes, type Pipeline } from './pipeline.ts'
import { bringerOf } from './standing.ts'
import { starterOf } from './trigger.ts'
import { type Watched, watchExecution } from './watch.ts'

export type Failed = { pipeline: Pipeline; executions: Executions; service: ServiceName; watched: Watched }

const logTailLines = 40
/** The pipeline begins its own way back in a moment. */
const ownWayBackMs = 60_000

export async function failedVerdict(parts: Parts, failed: Failed, context: TargetContext): Promise<Verdict> {
  const { pipeline, watched } = failed
  const { why, isRefused, isTheirs } = causeOf(watched, await overtakerOf(failed, context.signal))
  const begun = begunStages(pipeline, watched.actions)
  // Who took it into their own hands goes on from there.
  const back = isTheirs || begun.length === 0 ? unchanged(isTheirs) : await goBack(parts, failed, begun, context)
  return {
    ok: false,
    reasons: [why, back],
    logTail: watched.actions.map(sayAction).slice(-logTailLines),
    ...(isRefused ? { refused: true as const } : {}),
  }
}

const unchanged = (isTheirs: boolean): Reason =>
  isTheirs
    ? reason('left-as-it-is', 'it is left as it is: the next delivery puts it right')
    : reason('nothing-changed', 'what ran before still runs: nothing was changed yet')

/** `isRefused`: it says nothing about the release. `isTheirs`: somebody else wanted it so. */
type Cause = { why: Reason; isRefused: boolean; isTheirs: boolean }

/** What has come past an execution that was superseded; null: nobody can tell. */
async function overtakerOf({ executions, watched }: Failed, signal: AbortSignal): Promise<Execution | null> {
  if (watched.execution.status !== 'Superseded') return null
  const known = await executions.list(signal)
  return known[known.findIndex(({ pipelineExecutionId }) => pipelineExecutionId === watched.id) - 1] ?? null
}

function causeOf({ id, execution, actions, cut }: Watched, overtaker: Execution | null): Cause {
  if (cut !== null) return { why: cut.why, isRefused: cut.by === 'people', isTheirs: false }
  const { status, statusSummary } = execution
  const told = statusSummary ? `: ${statusSummary}` : ''
  const theirs = (code: string, message: string): Cause => ({
    why: reason(code, `${message}${told}`),
    isRefused: true,
    isTheirs: true,
  })
  if (status === 'Superseded') {
    const newer = overtaker === null ? 'a newer one' : sayExecution(overtaker.pipelineExecutionId)
    const who = overtaker === null ? 'past Trunkline' : `by ${starterOf(overtaker)}`
    return theirs('execution-superseded', `${sayExecution(id)} was overtaken by ${newer}, started ${who}`)
  }
  if (status === 'Stopped') return theirs('execution-stopped', `${sayExecution(id)} was stopped, and not by Trunkline`)
  if (status === 'Cancelled')
    return theirs('execution-cancelled', `${sayExecution(id)} was cancelled: somebody changed the pipeline meanwhile`)
  const failure = firstFailure(actions)
  if (failure === null) {
    const message = `${sayExecution(id)} failed${told || ': no reason is given'}`
    return { why: reason('execution-failed', message), isRefused: false, isTheirs: false }
  }
  if (failure.category === 'Approval') return { why: rejection(failure), isRefused: true, isTheirs: false }
  const hint = hints[failure.error?.code ?? '']
  return {
    why: reason('action-failed', sayAction(failure), hint === undefined ? {} : { hint }),
    isRefused: hint !== undefined || failure.category === 'Source',
    isTheirs: false,
  }
}

/** A person's no, or nobody's yes in the time that the pipeline gives. */
function rejection(action: Action): Reason {
  const { by, summary, error } = action
  const words = summary ?? error?.message
  const said = words === undefined ? '' : `: ${words}`
  const who = by === null ? 'was not given in CodePipeline' : `was rejected in CodePipeline by ${sayPerson(by)}`
  return reason('approval-rejected', `${nameOf(action)} ${who}${said}`)
}

/** Failures of CodePipeline that a release has no part in. */
const hints: Readonly<Record<string, string>> = {
  PermissionError: "the pipeline's role, or the action's, lacks permissions",
  RevisionOutOfSync: 'the source was changed while it was read: try again',
  RevisionUnavailable: 'is the revision still there, and may the pipeline read it?',
  SystemUnavailable: 'AWS could not do it for now: try again in a while',
}

/** Names of stages in which something may have been changed. */
function begunStages(pipeline: Pipeline, actions: readonly Action[]): string[] {
  const isChanging = changes(pipeline)
  return [...new Set(actions.filter(({ category }) => isChanging(category)).map(({ stage }) => stage))]
}

async function goBack(parts: Parts, failed: Failed, begun: readonly string[], context: TargetContext): Promise<Reason> {
  const own = await ownWayBack(parts, failed, context)
  if (own !== null) {
    const ended = await follow(parts, failed, { id: own, summary: null }, context)
    // It brings back one stage: where others were changed before it, they keep the new release.
    if (begun.length === 1 || ended !== null) return ended ?? restored
  }
  const wayBack = await ourWayBack(parts, failed, context)
  if (wayBack === null) {
    return reason('nothing-before', 'nothing that Trunkline brought ran before: it stays as the failure left it')
  }
  const { service, watched } = failed
  const summary = summaryOf(parts, service, context.deployment, sayExecution(watched.id))
  return (await follow(parts, failed, { id: wayBack, summary }, context)) ?? restored
}

const restored = reason('restored', 'what ran before runs again')

/** null: it went well. */
async function follow(
  parts: Parts,
  { pipeline, executions }: Failed,
  { id, summary }: { id: string; summary: string | null },
  context: TargetContext,
): Promise<Reason | null> {
  context.log(`${sayExecution(id)} brings back what ran before`)
  const watched = await watchExecution(parts, { pipeline, executions, id, summary }, context)
  if (watched.execution.status === 'Succeeded') return null
  const message = `what ran before could not be brought back: ${causeOf(watched, null).why.message}`
  return reason('not-restored', message, { hint: 'look at what runs, then deliver again' })
}

/** The pipeline's, where the stage that failed asks for it; null: there is none. */
async function ownWayBack(
  { aws, clock, lookEveryMs: intervalMs }: Parts,
  { pipeline, executions, watched }: Failed,
  { signal, log }: TargetContext,
): Promise<string | null> {
  const stage = firstFailure(watched.actions)?.stage
  if (watched.cut !== null || !pipeline.stages.some(({ name, rollsBack }) => name === stage && rollsBack)) return null
  const endMs = clock.monotonicMs() + ownWayBackMs
  const isIt = ({ executionType, trigger }: Execution) =>
    executionType === 'ROLLBACK' && trigger?.triggerDetail?.includes(watched.id) === true
  const look = async (): Promise<{ id: string | null } | null> => {
    const found = (await executions.list(signal)).find(isIt)
    if (found !== undefined) return { id: found.pipelineExecutionId }
    return clock.monotonicMs() >= endMs ? { id: null } : null
  }
  const what = `${stage} to be rolled back`
  return (await aws.waitFor({ what, look, timeoutMs: 2 * ownWayBackMs, intervalMs, signal, log })).id
}

/**
 * The whole pipeline once more with the revisions of what went well before. Not `RollbackStage`: that brings back one
 * stage, not those before it, not in mode PARALLEL, and not once the pipeline was changed.
 */
async function ourWayBack(
  parts: Parts,
  { pipeline, executions, watched }: Failed,
  context: TargetContext,
): Promise<string | null> {
  const { signal } = context
  const isBack = (back: string | null | undefined) => back === watched.id
  return await beginOrJoin(parts, { pipelineName: pipeline.name, executions }, context, {
    isIt: (marker) => isBack(marker?.wayBackFrom),
    begin: async (known) => {
      const at = known.findIndex(({ pipelineExecutionId }) => pipelineExecutionId === watched.id)
      // A controller that died has begun it, or seen it through.
      for (const execution of known.slice(0, Math.max(0, at))) {
        if (isBack((await executions.markerOf(execution, signal))?.wayBackFrom)) return execution.pipelineExecutionId
      }
      const last = known.slice(at + 1).find(({ status }) => status === 'Succeeded')
      const bringer = last === undefined ? null : await bringerOf(pipeline, last, executions, signal)
      const marker = bringer === null ? null : await executions.markerOf(bringer, signal)
      if (bringer === null || marker === null) return null
      const variables = await executions.variablesOf(bringer.pipelineExecutionId, signal)
      const back = { ...marker, wayBackFrom: watched.id }
      return await startExecution(parts, { pipelineName: pipeline.name, marker: back, variables, attempt: 0 }, signal)
    },
  })
}

export const noPipeline = (name: string) =>
  refusedError('NO_PIPELINE', `there is no such thing as the pipeline ${name}`, {
    hint: 'pipelines are infrastructure: make it with a stack, or name another (`pipeline`)',
  })
