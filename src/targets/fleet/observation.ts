/** What an agent's report means for a release. Pure. */
import { type DesiredService, type Reason, reason, type ServiceName, type Verdict } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { isAdmitted, sharesOf } from '../../rollout/index.ts'
import type { InstanceStatus, ServiceStatus } from './agent/protocol.ts'
import { urlOf } from './instance-template.ts'

export const unknownService: ObservedService = {
  generation: null,
  artifact: null,
  fingerprint: null,
  instances: { ready: 0, desired: 0 },
  url: null,
}

/**
 * A generation counts as running when its rollout came to its end and nothing else is left: all requests go to it. What
 * a dead controller had only begun to start is something else, too, which nobody but the next rollout would end.
 */
export function observedService(status: ServiceStatus, replicas: number, hostName?: string): ObservedService {
  if (status.inPlace !== null) return observedInPlace(status, status.inPlace.isChanging)
  const taking = takingOf(status)
  const { stable } = status
  const isSettled =
    stable !== null &&
    taking.length > 0 &&
    isAlone(status, stable.generation) &&
    status.instances.filter(isThere).length <= replicas
  const artifacts = new Set(taking.map((instance) => instance.artifact))
  const [artifact = null] = artifacts
  return {
    generation: isSettled ? stable.desiredGeneration : null,
    artifact: artifacts.size === 1 ? artifact : null,
    fingerprint: isSettled ? stable.fingerprint : null,
    instances: {
      ready: taking.filter((instance) => instance.phase === 'healthy').length,
      desired: stable === null && taking.length === 0 ? 0 : replicas,
    },
    url: status.address ? urlOf(status.address, hostName) : null,
    ...newSetOf(status),
    ...detailOf(status),
  }
}

/** A rollout that was cut short on its way back may leave a division behind of which nothing is there any more. */
function newSetOf({ split, instances }: ServiceStatus): Pick<ObservedService, 'newSet'> {
  const isThereStill = instances.some((instance) => isThere(instance) && instance.generation === split?.generation)
  return split === null || !isThereStill ? {} : { newSet: { weight: split.weight } }
}

/** Its scripts started it and said that it works; what runs is none of ours. */
function observedInPlace({ stable }: ServiceStatus, isChanging: boolean): ObservedService {
  if (stable === null || isChanging) return { ...unknownService, instances: { ready: 0, desired: 1 } }
  return {
    generation: stable.desiredGeneration,
    artifact: stable.artifact,
    fingerprint: stable.fingerprint,
    instances: { ready: 1, desired: 1 },
    url: null,
  }
}

/**
 * A service over all hosts of a fleet: it runs a generation where every host does, instances are added up, and the
 * address is the first host's; each by itself is in `hosts`.
 */
export function observedOverHosts(each: ReadonlyArray<{ name: string; observed: ObservedService }>): ObservedService {
  const [first, ...others] = each
  if (first === undefined) return unknownService
  if (others.length === 0) return first.observed
  const shared = <Key extends 'generation' | 'artifact' | 'fingerprint'>(key: Key): ObservedService[Key] | null =>
    others.every(({ observed }) => observed[key] === first.observed[key]) ? first.observed[key] : null
  const sum = (key: 'ready' | 'desired') => each.reduce((total, { observed }) => total + observed.instances[key], 0)
  const details = each.flatMap(({ name, observed: { detail } }) => (detail === undefined ? [] : [`${name} ${detail}`]))
  const newSet = each.find(({ observed }) => observed.newSet !== undefined)?.observed.newSet
  return {
    generation: shared('generation'),
    artifact: shared('artifact'),
    fingerprint: shared('fingerprint'),
    instances: { ready: sum('ready'), desired: sum('desired') },
    url: first.observed.url,
    ...(newSet === undefined ? {} : { newSet }),
    ...(details.length > 0 ? { detail: details.join('; ') } : {}),
    hosts: each.map(({ name, observed: { instances, url } }) => ({ name, instances, url })),
  }
}

const isThere = ({ phase }: InstanceStatus): boolean => phase !== 'stopped'

/** Instances that get requests, also where they cannot answer them just now. */
function takingOf({ instances, split }: ServiceStatus): InstanceStatus[] {
  const admitted = instances.filter(isAdmitted)
  const shares = sharesOf(admitted, split)
  return admitted.filter(({ id }) => (shares.get(id) ?? 0) > 0)
}

function detailOf({ instances }: ServiceStatus): { detail?: string } {
  const rssBytes = instances.reduce((sum, instance) => sum + (instance.rssBytes ?? 0), 0)
  const ended = instances.find((instance) => instance.lastEnd !== null && instance.phase !== 'healthy')
  const parts = [
    ...(rssBytes > 0 ? [`${Math.round(rssBytes / 1_048_576)} MB`] : []),
    ...(ended ? [`${ended.id} ${ended.lastEnd}`] : []),
  ]
  return parts.length > 0 ? { detail: parts.join(', ') } : {}
}

/** What an interrupted rollout left behind makes a mixture, also where it takes no requests yet. */
const isAlone = ({ instances }: ServiceStatus, generation: string): boolean =>
  instances.filter(isThere).every((instance) => instance.generation === generation)

/** Whether the service's last rollout was to exactly this, and nothing else is left. */
export function isRunning(status: ServiceStatus, desired: DesiredService): boolean {
  const { stable } = status
  const isWanted = stable?.desiredGeneration === desired.generation && stable.fingerprint === desired.fingerprint
  return isWanted && !status.inPlace?.isChanging && isAlone(status, stable.generation)
}

/** Whether the service is what was ensured, complete and healthy. */
export function judge(service: ServiceName, status: ServiceStatus, desired: DesiredService, replicas: number): Verdict {
  const reasons: Reason[] = []
  if (!isRunning(status, desired)) {
    reasons.push(reason('other-generation', `${service} does not run what was deployed`))
  }
  const healthy = takingOf(status).filter((instance) => instance.phase === 'healthy').length
  if (status.inPlace === null && healthy < replicas) {
    reasons.push(reason('not-healthy', `${service} has ${healthy} of ${replicas} healthy instances`))
  }
  return reasons.length > 0 ? { ok: false, reasons } : { ok: true }
}
