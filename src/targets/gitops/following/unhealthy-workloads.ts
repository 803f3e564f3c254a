/**
 * Why an Application is not healthy, from its workloads: newer versions of Argo CD no longer keep that in its status.
 * Only where they run in the cluster that has the Application; whoever may not read them is told less.
 */
import { isNotFound } from '../../../kubernetes-api/index.ts'
import type { OpenSession } from '../../../kubernetes-api/session.ts'
import { resourceName } from './argocd.ts'
import { type Fields, fields, list, message, type ObjectStatus, textOf } from './state.ts'

const maxWorkloads = 20
const patienceMs = 10_000
const workloads = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Rollout', 'Service.serving.knative.dev'])

export async function unhealthyWorkloads(session: OpenSession, application: ObjectStatus): Promise<string[]> {
  const destination = fields(fields(application.spec)['destination'])
  const isHere =
    textOf(destination['server']) === 'https://kubernetes.default.svc' || textOf(destination['name']) === 'in-cluster'
  if (!isHere) return []
  const signal = AbortSignal.timeout(patienceMs)
  const resources = list(fields(application.status)['resources']).filter(
    ({ kind, group }) => workloads.has(textOf(kind)) || workloads.has(`${textOf(kind)}.${textOf(group)}`),
  )
  const lines: string[] = []
  for (const resource of resources.slice(0, maxWorkloads))
    lines.push(...(await whyUnhealthy(session, resource, signal)))
  return lines
}

async function whyUnhealthy(session: OpenSession, resource: Fields, signal: AbortSignal): Promise<string[]> {
  const kind = textOf(resource['kind'])
  const group = textOf(resource['group'])
  const version = textOf(resource['version'])
  const namespace = textOf(resource['namespace'])
  try {
    const cluster = await session(signal)
    const apiVersion = group === '' ? version : `${group}/${version}`
    const object = await cluster.read({ apiVersion, kind }, textOf(resource['name']), namespace, signal)
    const conditions = list(fields(fields(object)['status'])['conditions'])
    const bad = conditions
      .filter(isBad)
      .map((condition) => message(condition['message']) || textOf(condition['reason']))
    return [...new Set(bad)].map((why) => `${resourceName(resource)}: ${why}`)
  } catch (error) {
    if (isNotFound(error)) return [`${resourceName(resource)}: it is not there`]
    // It is told without.
    return []
  }
}

/** `Failed` is bad when it is so, all others when they are not. */
const isBad = (condition: Fields): boolean => {
  const type = textOf(condition['type'])
  const isAlarm = type === 'Failed' || type === 'ReplicaFailure' || type === 'FailureTarget'
  return textOf(condition['status']) === (isAlarm ? 'True' : 'False') && type !== 'Complete' && type !== 'Suspended'
}
