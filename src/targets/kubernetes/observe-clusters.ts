/** What runs of services on all clusters of an environment, and what was changed there by hand. */

import { type ClusterSession, type OpenSession, told } from '../../kubernetes-api/session.ts'
import { type ServiceName, TrunklineError } from '../../model/index.ts'
import type { Drift, ObservedService } from '../../ports/index.ts'
import type { Clusters } from './clusters.ts'
import { findDrift } from './drift/find-drift.ts'
import { observeServices } from './observe.ts'

/**
 * Nothing runs on a cluster that is not there: one of EKS may be made in the very delivery that looks. Who goes on to do
 * something there is told that it is missing.
 */
export async function observeClusters(
  { options, openers, byPlace, urlOf }: Clusters,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const perCluster = await Promise.all(
    openers.map(async (open, index) => {
      const session = await openIfThere(open, signal)
      if (session === null) {
        const nothing = Object.fromEntries(services.map((service) => [service, nowhere]))
        return { cluster: options.config.clusters[index]?.eks ?? '', services: nothing }
      }
      const found = await told(session, () =>
        Promise.all(byPlace(services).map((group) => observeServices(session, group.place, group.services, signal))),
      )
      const all: Record<ServiceName, ObservedService> = Object.assign({}, ...found)
      return { cluster: session.name, services: all }
    }),
  )
  return Object.fromEntries(
    services.map((service) => {
      const seen = perCluster.flatMap(({ cluster, services: own }) => {
        const known = own[service]
        return known === undefined ? [] : [{ cluster, known }]
      })
      return [service, { ...inOne(seen), url: urlOf(service) }]
    }),
  )
}

export async function driftOnClusters(
  { byPlace, openers }: Clusters,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  const found: Drift[] = []
  for (const open of openers) {
    const session = await openIfThere(open, signal)
    if (session === null) continue
    found.push(...(await told(session, () => driftOn(session))))
  }
  return found

  async function driftOn(session: ClusterSession): Promise<Drift[]> {
    const groups = await Promise.all(
      byPlace(services).map((group) => findDrift(session, group.place, group.services, signal)),
    )
    return groups.flat().map(
      ({ service, object, differences }): Drift => ({
        service,
        subject: openers.length > 1 ? `${object} on ${session.name}` : object,
        fields: differences.map(({ by, ...difference }) => ({
          ...difference,
          by: by === null ? null : { name: by.manager, at: by.at },
        })),
      }),
    )
  }
}

async function openIfThere(open: OpenSession, signal: AbortSignal): Promise<ClusterSession | null> {
  try {
    return await open(signal)
  } catch (error) {
    if (error instanceof TrunklineError && error.code === 'EKS_CLUSTER_MISSING') return null
    throw error
  }
}

const nowhere: ObservedService = {
  ...{ generation: null, artifact: null, fingerprint: null, url: null },
  instances: { ready: 0, desired: 0 },
  detail: 'its cluster is not there',
}

/** A service on several clusters: what runs everywhere, and how many pods there are in all. */
function inOne(seen: ReadonlyArray<{ cluster: string; known: ObservedService }>): ObservedService {
  const [first, ...others] = seen
  if (first === undefined) throw new Error('a target without clusters')
  if (others.length === 0) return first.known
  const all = [first, ...others]
  const same = <Field extends 'generation' | 'artifact' | 'fingerprint'>(field: Field) =>
    others.every(({ known }) => known[field] === first.known[field]) ? first.known[field] : null
  const details = all.flatMap(({ cluster, known }) =>
    known.detail === undefined ? [] : [`${cluster}: ${known.detail}`],
  )
  const onItsWay = all.find(({ known }) => known.newSet !== undefined)?.known.newSet
  return {
    generation: same('generation'),
    artifact: same('artifact'),
    fingerprint: same('fingerprint'),
    instances: {
      ready: all.reduce((sum, { known }) => sum + known.instances.ready, 0),
      desired: all.reduce((sum, { known }) => sum + known.instances.desired, 0),
    },
    url: null,
    hosts: all.map(({ cluster, known }) => ({ name: cluster, instances: known.instances, url: null })),
    // One cluster after the other: at most one of them is on its way.
    ...(onItsWay === undefined ? {} : { newSet: onItsWay }),
    ...(details.length > 0 ? { detail: details.join('; ') } : {}),
  }
}
