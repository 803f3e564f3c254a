/** A Deployment made from how a service runs, and a Service where it has a port. */
import type { KubernetesObject, ObjectMeta } from '../../../kubernetes-api/index.ts'
import { fitting } from '../names.ts'
import type { RenderRequest } from './render-request.ts'
import { rollingUpdate } from './rollout-strategy.ts'
import { type ClusterRun, clusterRunOf, containerOf, probesOf, seconds } from './service-container.ts'
import { servicePort } from './variables.ts'

export function generatedObjects(request: RenderRequest): KubernetesObject[] {
  const run = clusterRunOf(request.desired.run)
  return [
    deployment(request, run),
    ...(run.port === null ? [] : [service(request)]),
    ...(request.config.replicas > 1 ? [disruptionBudget(request)] : []),
  ]
}

const longestLabel = 63
const portName = 'http'

/** What tells its pods from all others; a Deployment's can never change. */
const selectorOf = ({ project, environment, service: name }: RenderRequest) => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/instance': fitting(`${project}-${environment}`, longestLabel),
})

export const labelsOf = (request: RenderRequest) => ({
  ...selectorOf(request),
  'app.kubernetes.io/part-of': request.project,
  'app.kubernetes.io/managed-by': 'trunkline',
})

const metadataOf = (request: RenderRequest): ObjectMeta => ({ name: request.service, labels: labelsOf(request) })

function deployment(request: RenderRequest, run: ClusterRun): KubernetesObject {
  const { config, strategy } = request
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(request),
    spec: {
      replicas: config.replicas,
      revisionHistoryLimit: 3,
      minReadySeconds: run.port === null ? settleSeconds : 0,
      progressDeadlineSeconds: Math.max(seconds(config.timeoutMs), settleSeconds + 1),
      selector: { matchLabels: selectorOf(request) },
      strategy: rollingUpdate(strategy),
      template: { metadata: { labels: labelsOf(request) }, spec: podSpec(request, run) },
    },
  }
}

/** Nobody can ask a service without a port whether it is ready: one that ends at once is found out so. */
const settleSeconds = 5
/** Until nobody sends requests to a pod any more that is on its way out. */
const leastDrainSeconds = 3

function podSpec(request: RenderRequest, run: ClusterRun) {
  const drainSeconds = run.port === null ? 0 : Math.max(leastDrainSeconds, seconds(run.drainTimeoutMs))
  const port = run.port === null ? {} : { ports: [{ name: portName, containerPort: run.port }] }
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    terminationGracePeriodSeconds: drainSeconds + Math.max(1, seconds(run.stopTimeoutMs)),
    topologySpreadConstraints: ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
      topologyKey,
      maxSkew: 1,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: selectorOf(request) },
      matchLabelKeys: ['pod-template-hash'],
    })),
    containers: [
      {
        ...containerOf(request, run),
        ...port,
        ...probesOf(run, { port: portName }),
        // Requests that are on their way, and those that are being answered, have until SIGTERM.
        ...(drainSeconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds: drainSeconds } } } }),
      },
    ],
  }
}

const service = (request: RenderRequest): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadataOf(request),
  spec: {
    selector: selectorOf(request),
    ports: [{ name: portName, port: servicePort, targetPort: portName, protocol: 'TCP' }],
  },
})

/** Nodes are drained one pod at a time; a pod that is not ready holds nobody up. */
const disruptionBudget = (request: RenderRequest): KubernetesObject => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadataOf(request),
  spec: {
    maxUnavailable: 1,
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
    selector: { matchLabels: selectorOf(request) },
  },
})
