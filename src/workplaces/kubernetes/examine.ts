/** For `doctor`: whether a namespace would take the Jobs of builds. Asks, and makes nothing. */
import { isNotFound } from '../../kubernetes-api/index.ts'
import { lackingRights, type Right, rightsTo, sayRights } from '../../kubernetes-api/rights.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import type { KubernetesWorkplace } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import type { Assignment } from '../workplace.ts'
import { hasVariables, jobOf } from './job.ts'

const hint = 'docs/building-elsewhere.md lists the rights that builds in Jobs need'

const rightsFor = (sample: Assignment): Right[] => [
  ...rightsTo('batch', 'jobs', ['get', 'list', 'watch', 'create', 'delete']),
  ...rightsTo('', 'pods', ['list', 'watch']),
  { group: '', resource: 'pods', subresource: 'log', verb: 'get' },
  ...(hasVariables(sample) ? rightsTo('', 'secrets', ['create']) : []),
]

export async function examineNamespace(
  session: ClusterSession,
  place: KubernetesWorkplace,
  sample: Assignment,
  signal: AbortSignal,
): Promise<Examined[]> {
  const { namespace } = place
  const lacking = await lackingRights(session, namespace, rightsFor(sample), signal)
  if (lacking.length > 0) {
    const message = `${session.name}: it may not ${sayRights(lacking)} in namespace ${namespace}`
    return [{ isWell: false, message, hint }]
  }
  const refusal = await tryJob(session, place, sample, signal)
  if (refusal !== null) return [{ isWell: false, message: `${session.name} takes no Job: ${refusal}` }]
  const missing = await missingObjects(session, place, signal)
  if (missing.length > 0) return missing.map((message) => ({ isWell: false, message: `${session.name}: ${message}` }))
  return [{ isWell: true, message: `${session.name} takes Jobs in namespace ${namespace}, of ${place.image}` }]
}

/** As if it were made: quotas, policies and the schema have their say. null: it would be. */
async function tryJob(
  { client }: ClusterSession,
  place: KubernetesWorkplace,
  sample: Assignment,
  signal: AbortSignal,
): Promise<string | null> {
  const path = `/apis/batch/v1/namespaces/${place.namespace}/jobs?dryRun=All`
  try {
    await client.request({ method: 'POST', path, body: jobOf(sample, place, 'none'), signal })
    return null
  } catch (error) {
    if (signal.aborted || !(error instanceof Error)) throw error
    return error.message
  }
}

/** What pods would wait for in vain. Who may not look is not told: Jobs need no such right. */
async function missingObjects(
  session: ClusterSession,
  place: KubernetesWorkplace,
  signal: AbortSignal,
): Promise<string[]> {
  const { namespace, serviceAccount, login, secrets, pullSecrets } = place
  const named = [...new Set([...(login === null ? [] : [login]), ...secrets, ...pullSecrets])]
  const wanted = [
    ...named.map((name) => ({ kind: 'Secret', plural: 'secrets', name })),
    ...(serviceAccount === null ? [] : [{ kind: 'ServiceAccount', plural: 'serviceaccounts', name: serviceAccount }]),
  ]
  const found = wanted.map(async ({ kind, plural, name }) => {
    const path = `/api/v1/namespaces/${namespace}/${plural}/${name}`
    try {
      await session.client.request({ method: 'GET', path, signal })
    } catch (error) {
      if (signal.aborted) throw error
      if (isNotFound(error)) return [`the ${kind} ${name} is missing in namespace ${namespace}`]
    }
    return []
  })
  return (await Promise.all(found)).flat()
}
