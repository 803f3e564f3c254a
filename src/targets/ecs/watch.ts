/** A deployment of ECS, looked at until it has ended. */
import type { Deployment, Service } from '@aws-sdk/client-ecs'
import type { ServiceName } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { type Parts, sayDefinition } from './parts.ts'
import { knownService, primaryOf } from './service.ts'

export type Ended =
  | { kind: 'through' }
  | { kind: 'failed'; why: string }
  /** It takes longer than it may. */
  | { kind: 'too-long'; why: string }
  /** Somebody else has begun another one. */
  | { kind: 'superseded'; why: string }

type Watching = Pick<TargetContext, 'signal' | 'log' | 'report'>

export async function watchDeployment(
  parts: Parts,
  service: ServiceName,
  { begun, before }: { begun: Deployment; before: string | null },
  context: Watching,
): Promise<Ended> {
  const { clock, config, lookEveryMs } = parts
  const endMs = clock.monotonicMs() + config.timeoutMs
  const tell = openEvents(begun.createdAt ?? new Date(clock.now()), context.log)
  for (;;) {
    const found = await knownService(parts, service, context.signal)
    tell(found)
    context.report(countOf(found, begun.id))
    const ended = endOf(found, begun, before)
    if (ended !== null) return ended
    if (clock.monotonicMs() >= endMs) {
      return { kind: 'too-long', why: `${begun.id} takes longer than ${config.timeoutMs / 60_000} minutes` }
    }
    await clock.sleep(lookEveryMs, context.signal)
  }
}

function endOf(found: Service, { id, taskDefinition }: Deployment, before: string | null): Ended | null {
  const deployment = found.deployments?.find((each) => each.id === id)
  if (deployment?.rolloutState === 'COMPLETED') return { kind: 'through' }
  const why = deployment?.rolloutStateReason ?? `${id} is over`
  if (deployment?.rolloutState === 'FAILED') return { kind: 'failed', why }
  const primary = primaryOf(found)
  if (primary === null || primary.id === id) return null
  // The circuit breaker has brought back what ran before.
  if (primary.taskDefinition === before) return { kind: 'failed', why }
  const by = `another deployment has begun since, of ${sayDefinition(primary.taskDefinition)}`
  return primary.taskDefinition === taskDefinition ? null : { kind: 'superseded', why: by }
}

function countOf({ deployments = [], desiredCount = 0 }: Service, id: string | undefined) {
  const running = (isOurs: boolean) =>
    deployments.filter((each) => (each.id === id) === isOurs).reduce((sum, each) => sum + (each.runningCount ?? 0), 0)
  return { ready: running(true), desired: desiredCount, old: running(false) }
}

/** Each event is told once, the oldest first. */
function openEvents(since: Date, log: (line: string) => void): (service: Service) => void {
  const told = new Set<string>()
  return ({ events = [] }) => {
    for (const { id = '', createdAt, message = '' } of [...events].reverse()) {
      if (told.has(id) || (createdAt?.getTime() ?? 0) < since.getTime() - 1000) continue
      told.add(id)
      log(message)
    }
  }
}
