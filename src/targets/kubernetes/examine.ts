/** Before anything is delivered: whether a cluster lets us do what a rollout does there. Asks, and changes nothing. */
import { lackingRights, nameOfRight, type Right, rightsTo, sayRights } from '../../kubernetes-api/rights.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import type { ServiceName } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import type { Clusters } from './clusters.ts'
import { allObjects, readInventories } from './inventory.ts'
import type { Place } from './names.ts'

const changing = ['get', 'list', 'watch', 'create', 'patch', 'delete']
const looking = ['get', 'list', 'watch']

/** Whatever describes a service. What has been applied there before counts, too. */
const always: readonly Right[] = [
  ...rightsTo('', 'secrets', [...changing, 'update']),
  ...rightsTo('apps', 'deployments', changing),
  ...rightsTo('apps', 'replicasets', looking),
  ...rightsTo('', 'services', changing),
  ...rightsTo('', 'pods', looking),
  { group: '', resource: 'pods', subresource: 'log', verb: 'get' },
]

export async function examineClusters(
  clusters: Clusters,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Examined[]> {
  const found = await clusters.inEach(signal, (session) =>
    Promise.all(clusters.byPlace(services).map(({ place }) => examineAt(session, place, signal))),
  )
  return found.flat()
}

async function examineAt(session: ClusterSession, place: Place, signal: AbortSignal): Promise<Examined> {
  const { namespace } = place
  const rights = [...always, ...(await rightsToStanding(session, place, signal))]
  const lacking = await lackingRights(session, namespace, rights, signal)
  if (lacking.length === 0)
    return { isWell: true, message: `${session.name}: it may roll out to namespace ${namespace}` }
  return {
    isWell: false,
    message: `${session.name}: it may not ${sayRights(lacking)} in namespace ${namespace}`,
    hint: 'docs/targets/kubernetes.md has the Role that is needed',
  }
}

/** Kinds that services here consist of. Who may not read what stands here lacks more than that: it is told by others. */
async function rightsToStanding(session: ClusterSession, place: Place, signal: AbortSignal): Promise<Right[]> {
  const inventories = await readInventories(session, place, signal).catch((error: unknown) => {
    if (signal.aborted) throw error
    return new Map<string, never>()
  })
  const objects = [...inventories.values()].flatMap(({ settled }) => (settled === null ? [] : allObjects(settled)))
  const kinds = new Map(objects.map((object) => [`${object.apiVersion} ${object.kind}`, object]))
  const resources = await Promise.all([...kinds.values()].map((object) => session.resources.find(object, signal)))
  const known = new Set(always.map(nameOfRight))
  return resources.flatMap(({ apiVersion, plural }) => {
    const rights = rightsTo(apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', plural, changing)
    return rights.filter((right) => !known.has(nameOfRight(right)))
  })
}
