/** What a pipeline has to say: the actions of its last execution. */
import type { LogLine, LogQuery } from '../../ports/index.ts'
import { nameOf, readActions, sayAction } from './actions.ts'
import { executionsOf } from './executions.ts'
import { type Parts, pipelineOf } from './parts.ts'

export async function* pipelineLogs(parts: Parts, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const pipelineName = pipelineOf(parts, query.service)
  const executions = executionsOf(parts, pipelineName)
  const told = new Set<string>()
  const fresh = async (): Promise<LogLine[]> => {
    const [newest] = await executions.list(signal)
    if (newest === undefined) return []
    const id = newest.pipelineExecutionId
    const lines = await linesOf(parts, { pipelineName, id }, signal)
    const untold = lines.filter((line) => !told.has(idOf(id, line)))
    for (const line of untold) told.add(idOf(id, line))
    return untold
  }
  const first = await fresh()
  yield* first.slice(Math.max(0, first.length - query.lines))
  while (query.follow && !signal.aborted) {
    await parts.clock.sleep(2 * parts.lookEveryMs, signal)
    yield* await fresh()
  }
}

const idOf = (id: string, { instance, at, text }: LogLine): string => [id, instance, at, text].join()

async function linesOf(
  parts: Parts,
  execution: { pipelineName: string; id: string },
  signal: AbortSignal,
): Promise<LogLine[]> {
  return (await readActions(parts, execution, signal)).map((action): LogLine => {
    const instance = nameOf(action)
    const stream = action.status === 'Failed' ? 'stderr' : 'stdout'
    return { at: action.at, instance, stream, text: sayAction(action).slice(instance.length + 1) }
  })
}
