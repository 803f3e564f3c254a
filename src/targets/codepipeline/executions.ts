/** Executions of a pipeline: found, started and stopped. */
import { createHash } from 'node:crypto'
import {
  GetPipelineExecutionCommand,
  ListPipelineExecutionsCommand,
  type PipelineExecution,
  type PipelineExecutionSummary,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
} from '@aws-sdk/client-codepipeline'
import { refusedError } from '../../model/index.ts'
import { describe, type Marker, markerIn, markerVariable, maxValueLength } from './marker.ts'
import { codepipelineOf, type Parts, sayPipeline } from './parts.ts'

export type Execution = PipelineExecutionSummary & { pipelineExecutionId: string }

/** Nobody looks further back. */
const maxExecutions = 100

export type Executions = {
  /** Newest first. */
  list(signal: AbortSignal): Promise<Execution[]>
  /** null: it is none of ours. Asked once: what an execution was started with never changes. */
  markerOf(execution: Execution, signal: AbortSignal): Promise<Marker | null>
  /** What it was started with, ours aside. */
  variablesOf(id: string, signal: AbortSignal): Promise<Record<string, string>>
  read(id: string, signal: AbortSignal): Promise<PipelineExecution | null>
}

export function executionsOf(parts: Parts, pipelineName: string): Executions {
  const { aws } = parts
  const markers = new Map<string, Marker | null>()

  async function read(id: string, signal: AbortSignal): Promise<PipelineExecution | null> {
    const command = new GetPipelineExecutionCommand({ pipelineName, pipelineExecutionId: id })
    try {
      return (await aws.send(codepipelineOf(parts), command, { signal })).pipelineExecution ?? null
    } catch (error) {
      if (aws.isError(error, 'PipelineExecutionNotFoundException')) return null
      throw error
    }
  }

  return {
    read,
    async list(signal) {
      const command = new ListPipelineExecutionsCommand({ pipelineName, maxResults: maxExecutions })
      const { pipelineExecutionSummaries: found = [] } = await aws.send(codepipelineOf(parts), command, { signal })
      return found
        .flatMap((known) =>
          known.pipelineExecutionId === undefined ? [] : [{ ...known, pipelineExecutionId: known.pipelineExecutionId }],
        )
        .sort((left, right) => (right.startTime?.getTime() ?? 0) - (left.startTime?.getTime() ?? 0))
    },
    async markerOf(execution, signal) {
      const id = execution.pipelineExecutionId
      const known = markers.get(id)
      if (known !== undefined) return known
      // Who starts one by hand may give it any variable, but none of ours: nobody else knows what to write there.
      const mayBeOurs = execution.trigger?.triggerType === 'StartPipelineExecution'
      const marker = mayBeOurs ? markerIn(variableIn(await read(id, signal))) : null
      markers.set(id, marker)
      return marker
    },
    async variablesOf(id, signal) {
      const { variables = [] } = (await read(id, signal)) ?? {}
      return Object.fromEntries(
        variables.flatMap(({ name = '', resolvedValue = '' }) =>
          name === markerVariable || resolvedValue === '' ? [] : [[name, resolvedValue]],
        ),
      )
    },
  }
}

const variableIn = (execution: PipelineExecution | null): string | undefined =>
  execution?.variables?.find(({ name }) => name === markerVariable)?.resolvedValue

/** It moves, or will. */
export const isUnderWay = ({ status }: Pick<Execution, 'status'>): boolean =>
  status === 'InProgress' || status === 'Stopping'

export type Wanted = {
  pipelineName: string
  marker: Marker
  variables: Record<string, string>
  /** How many that bring the same have ended: a new one is another. */
  attempt: number
}

/** Said twice, it starts one: whoever comes after a controller that died gets the same execution. */
export async function startExecution(parts: Parts, wanted: Wanted, signal: AbortSignal): Promise<string> {
  const { aws } = parts
  const { pipelineName, marker, variables, attempt } = wanted
  const said = describe(marker)
  if (said.length > maxValueLength) {
    throw refusedError(
      'TOO_MANY_SOURCES',
      `what ${sayPipeline(pipelineName)} is given does not fit into ${markerVariable}`,
      {
        hint: 'name fewer source actions (`sources`), or give them shorter names',
      },
    )
  }
  const revisions = marker.revisions.map(({ action, type, value }) => ({
    ...{ actionName: action, revisionType: type, revisionValue: value },
  }))
  const command = new StartPipelineExecutionCommand({
    name: pipelineName,
    variables: Object.entries({ ...variables, [markerVariable]: said }).map(([name, value]) => ({ name, value })),
    ...(revisions.length === 0 ? {} : { sourceRevisions: revisions }),
    clientRequestToken: createHash('sha256').update(`${pipelineName} ${attempt} ${said}`).digest('hex'),
  })
  const { pipelineExecutionId = '' } = await aws.send(codepipelineOf(parts), command, { signal, writes: true })
  return pipelineExecutionId
}

const maxReasonLength = 200

export type Stopping = {
  pipelineName: string
  id: string
  why: string
  /** What is in progress is left to itself; else it may end, and nothing after that begins. */
  abandon: boolean
}

/** Whether there was something to stop. */
export async function stopExecution(
  parts: Parts,
  { pipelineName, id, why, abandon }: Stopping,
  signal: AbortSignal,
): Promise<boolean> {
  const { aws } = parts
  const command = new StopPipelineExecutionCommand({
    ...{ pipelineName, pipelineExecutionId: id, abandon },
    reason: `Trunkline: ${why}`.slice(0, maxReasonLength),
  })
  try {
    await aws.send(codepipelineOf(parts), command, { signal, writes: true })
    return true
  } catch (error) {
    if (aws.isError(error, 'PipelineExecutionNotStoppableException')) return false
    if (aws.isError(error, 'DuplicatedStopRequestException')) return true
    throw error
  }
}
