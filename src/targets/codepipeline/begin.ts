/** One execution at a time, whatever the pipeline's mode: ours is gone on with, one of somebody else is waited for. */
import { erroredError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { type Execution, type Executions, isUnderWay } from './executions.ts'
import type { Marker } from './marker.ts'
import { type Parts, sayExecution, sayPipeline } from './parts.ts'
import { starterOf } from './trigger.ts'

export type Beginning = {
  /** Whether an execution under way is what would be begun. */
  isIt(marker: Marker | null): boolean
  /** The id of what is to be watched; null: nothing is to be done. */
  begin(known: readonly Execution[]): Promise<string | null>
}

/** The id of what is to be watched; null: nothing is to be done. */
export async function beginOrJoin(
  parts: Parts,
  { pipelineName, executions }: { pipelineName: string; executions: Executions },
  { signal, log, note }: Pick<TargetContext, 'signal' | 'log' | 'note'>,
  { isIt, begin }: Beginning,
): Promise<string | null> {
  const { clock, config, aws, lookEveryMs } = parts
  const endMs = clock.monotonicMs() + config.timeoutMs
  const waited = new Set<string>()
  const look = async (): Promise<{ id: string | null } | null> => {
    const known = await executions.list(signal)
    const other = known.find(isUnderWay)
    if (other === undefined) return { id: await begin(known) }
    const id = other.pipelineExecutionId
    if (other.status === 'InProgress' && isIt(await executions.markerOf(other, signal))) {
      log(`goes on with ${sayExecution(id)}, which is in progress`)
      return { id }
    }
    if (clock.monotonicMs() >= endMs) throw busy(pipelineName, other)
    if (!waited.has(id)) {
      waited.add(id)
      const line = `waits for ${sayExecution(id)}, started by ${starterOf(other)}: one would get in the way of the other`
      log(line)
      note?.(line)
    }
    return null
  }
  const what = `${sayPipeline(pipelineName)} to be free`
  // A look more than the bound, so that it says what was in the way.
  const timeoutMs = config.timeoutMs + 10 * lookEveryMs
  return (await aws.waitFor({ what, look, timeoutMs, intervalMs: lookEveryMs, signal, log })).id
}

const busy = (pipelineName: string, other: Execution) =>
  erroredError(
    'PIPELINE_BUSY',
    `${sayPipeline(pipelineName)} is busy with ${sayExecution(other.pipelineExecutionId)}, started by ${starterOf(other)}`,
    { hint: 'wait until that has ended, or stop it in CodePipeline, then try again' },
  )
