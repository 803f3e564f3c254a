/** What a pipeline has brought to where it deploys, by the executions that it remembers. */
import type { ServiceName } from '../../model/index.ts'
import { readActions } from './actions.ts'
import { type Execution, type Executions, executionsOf, isUnderWay } from './executions.ts'
import type { Marker } from './marker.ts'
import type { Parts } from './parts.ts'
import { changes, type Pipeline, readPipeline } from './pipeline.ts'

export type Standing = {
  /** The last that went well; null: there is none. */
  last: Execution | null
  /** What that brought; null: it is none of ours, or brought back only a part of the pipeline. */
  marker: Marker | null
  /** One after it that has not ended, or went wrong when it had begun to change what runs: nobody can say what runs. */
  unfinished: Execution | null
}

/** Of those that went wrong since the last that went well, so many are looked into. */
const maxLookedInto = 20

export async function readStanding(
  parts: Parts,
  pipeline: Pipeline,
  executions: Executions,
  signal: AbortSignal,
): Promise<Standing> {
  let unfinished: Execution | null = null
  let looked = 0
  for (const execution of await executions.list(signal)) {
    if (execution.status === 'Succeeded') {
      const bringer = await bringerOf(pipeline, execution, executions, signal)
      const marker = bringer === null ? null : await executions.markerOf(bringer, signal)
      return { last: execution, marker, unfinished }
    }
    if (unfinished !== null) continue
    const isOpen = isUnderWay(execution) || ++looked > maxLookedInto
    if (isOpen || (await hasChanged(parts, pipeline, execution.pipelineExecutionId, signal))) unfinished = execution
  }
  return { last: null, marker: null, unfinished }
}

/** Nothing is known of a service whose pipeline is not there. */
export async function standingOf(parts: Parts, service: ServiceName, signal: AbortSignal) {
  const pipeline = await readPipeline(parts, service, signal)
  if (pipeline === null) return null
  const executions = executionsOf(parts, pipeline.name)
  return { pipeline, executions, standing: await readStanding(parts, pipeline, executions, signal) }
}

/**
 * The execution whose revisions run since this one: itself, or what it rolled back to. null: a stage that was rolled back
 * has what another one brought, and other stages have a different thing.
 */
export async function bringerOf(
  pipeline: Pipeline,
  execution: Execution,
  executions: Executions,
  signal: AbortSignal,
): Promise<Execution | null> {
  if (execution.executionType !== 'ROLLBACK') return execution
  const isChanging = changes(pipeline)
  const stages = pipeline.stages.filter(({ actions }) => actions.some(({ category }) => isChanging(category)))
  const to = execution.rollbackMetadata?.rollbackTargetPipelineExecutionId
  if (stages.length !== 1 || to === undefined) return null
  return (await executions.list(signal)).find(({ pipelineExecutionId }) => pipelineExecutionId === to) ?? null
}

async function hasChanged(parts: Parts, pipeline: Pipeline, id: string, signal: AbortSignal): Promise<boolean> {
  const isChanging = changes(pipeline)
  const actions = await readActions(parts, { pipelineName: pipeline.name, id }, signal)
  return actions.some(({ category }) => isChanging(category))
}
