/** What a group has to say: the lifecycle events of its last deployment, and what scripts wrote where they failed. */
import type { LogLine, LogQuery } from '../../ports/index.ts'
import { readGroup } from './deployments.ts'
import { eventLine, eventsOf, readInstances, scriptLines } from './instances.ts'
import type { Parts } from './parts.ts'

export async function* groupLogs(parts: Parts, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const told = new Set<string>()
  const fresh = async (): Promise<LogLine[]> => {
    const group = await readGroup(parts, query.service, signal)
    const deploymentId = group?.info.lastAttemptedDeployment?.deploymentId
    if (deploymentId === undefined) return []
    const lines = await linesOf(parts, deploymentId, signal)
    const untold = lines.filter((line) => !told.has(idOf(deploymentId, line)))
    for (const line of untold) told.add(idOf(deploymentId, line))
    return untold
  }
  const first = await fresh()
  yield* first.slice(Math.max(0, first.length - query.lines))
  while (query.follow && !signal.aborted) {
    await parts.clock.sleep(2 * parts.lookEveryMs, signal)
    yield* await fresh()
  }
}

const idOf = (deploymentId: string, { instance, at, text }: LogLine): string =>
  [deploymentId, instance, at, text].join()

async function linesOf(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<LogLine[]> {
  return eventsOf(await readInstances(parts, deploymentId, signal)).flatMap((said) => {
    const { instance, event } = said
    const at = (event.endTime ?? event.startTime)?.toISOString() ?? ''
    const stream = event.status === 'Failed' ? 'stderr' : 'stdout'
    const texts = [eventLine(said).slice(instance.length + 2), ...scriptLines(said)]
    return texts.map((text): LogLine => ({ at, instance, stream, text }))
  })
}
