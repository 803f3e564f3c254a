/** What services' pipelines have brought. */
import type { ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { fill, type Parts, pipelineOf, sayExecution, sayPipeline } from './parts.ts'
import { type Standing, standingOf } from './standing.ts'
import { starterOf } from './trigger.ts'

export async function observePipelines(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const observed = services.map(async (service): Promise<[ServiceName, ObservedService]> => {
    const found = await standingOf(parts, service, signal)
    const missing = { ...nothingObserved, detail: `${sayPipeline(pipelineOf(parts, service))} is missing` }
    return [service, found === null ? missing : observedService(parts, service, found.standing)]
  })
  return Object.fromEntries(await Promise.all(observed))
}

function observedService(parts: Parts, service: ServiceName, { last, marker, unfinished }: Standing): ObservedService {
  if (last === null && unfinished === null) return nothingObserved
  const { config } = parts
  const url = config.url === null ? null : fill(parts, service, config.url)
  const isOurs = marker?.service === service
  const details = [
    ...(last === null || isOurs
      ? []
      : [`${sayExecution(last.pipelineExecutionId)} was started by ${starterOf(last)}: what it brought is not known`]),
    ...(unfinished === null
      ? []
      : [`${sayExecution(unfinished.pipelineExecutionId)} is ${unfinished.status}: what runs is not known`]),
  ]
  const told = details.length === 0 ? {} : { detail: details.join('; ') }
  // How many instances there are, a pipeline does not say: it stands for one.
  const instances = { ready: details.length === 0 ? 1 : 0, desired: 1 }
  if (!isOurs) return { ...nothingObserved, instances, url, ...told }
  const { artifact, fingerprint } = marker
  return { generation: unfinished === null ? marker.generation : null, artifact, fingerprint, instances, url, ...told }
}
