/** An execution that somebody started past Trunkline, and that went well. */
import type { ServiceName } from '../../model/index.ts'
import type { Drift } from '../../ports/index.ts'
import type { Execution } from './executions.ts'
import { type Parts, sayExecution, sayPipeline } from './parts.ts'
import { standingOf } from './standing.ts'
import { starterOf } from './trigger.ts'

/** So many of those before it are asked whose they are. */
const maxAsked = 20

export async function findPipelineDrift(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  return (await Promise.all(services.map((service) => driftOf(parts, service, signal)))).flat()
}

async function driftOf(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Drift[]> {
  const found = await standingOf(parts, service, signal)
  if (found === null) return []
  const { pipeline, executions, standing } = found
  const { last, marker } = standing
  if (last === null || marker?.service === service) return []
  for (const execution of (await executions.list(signal)).slice(0, maxAsked)) {
    if (execution.status !== 'Succeeded') continue
    const ours = await executions.markerOf(execution, signal)
    if (ours?.service !== service) continue
    const by = { name: starterOf(last), at: last.startTime?.toISOString() ?? null }
    const [expected, actual] = [execution, last].map(sayBrought)
    return [{ service, subject: sayPipeline(pipeline.name), fields: [{ path: 'execution', expected, actual, by }] }]
  }
  return []
}

/** `execution 1234abcd (Source: 0123456789ab)` */
function sayBrought({ pipelineExecutionId: id, sourceRevisions = [] }: Execution): string {
  const from = sourceRevisions.map(({ actionName, revisionId }) => `${actionName}: ${revisionId}`).join(', ')
  return from === '' ? sayExecution(id) : `${sayExecution(id)} (${from})`
}
