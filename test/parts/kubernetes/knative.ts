/**
 * Knative Serving's real controllers. No webhook runs (the API server could not reach a Service here), so objects must
 * say what the webhook would default; the HPA class of autoscaler does, for the usual one asks the pods themselves,
 * whose addresses are made up. The networking layer is played by a second kwok.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, until } from './cluster.ts'
import { steadyPort } from './processes.ts'
import { partFolder } from './programs.ts'

const here = import.meta.dirname
const system = 'knative-serving'
/** Tags of this registry are not looked up. */
export const knativeRegistry = 'registry.test'

export type Knative = { stop(): Promise<void> }

/** A Knative Service with everything in it that the webhook would have written. */
export type KnativeServiceOptions = {
  name: string
  namespace: string
  image: string
  revisionName?: string
  /** More annotations of the template, such as `trunkline.test/broken`. */
  annotations?: Record<string, string>
}

/** Ends with the cluster. */
export async function startKnative(cluster: Cluster, environment: NodeJS.ProcessEnv = process.env): Promise<Knative> {
  const programs = await partFolder('knative', environment)
  await install(cluster, join(programs, 'knative-config'))
  const variables = {
    KUBECONFIG: cluster.kubeconfig,
    SYSTEM_NAMESPACE: system,
    CONFIG_LOGGING_NAME: 'config-logging',
    CONFIG_OBSERVABILITY_NAME: 'config-observability',
    POD_NAME: 'controller',
    PROFILING_PORT: String(await steadyPort()),
  }
  const controller = cluster.processes.start('knative', [join(programs, 'knative')], variables)
  const network = cluster.processes.start('kwok-knative', [
    join(cluster.programs, 'kwok'),
    ...['--kubeconfig', cluster.kubeconfig, '--config', join(here, 'knative', 'stages.yaml')],
    ...['--manage-all-nodes=false', '--manage-single-node=none'],
  ])
  await leading(cluster)
  cluster.processes.check()
  return {
    async stop() {
      for (const each of [network, controller]) await each.end('SIGKILL')
    },
  }
}

async function install(cluster: Cluster, folder: string): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: system } }, ...yamlIn(folder, 'crds'))
  await cluster.apply(...yamlIn(folder, 'config'))
  // The queue proxy's image is only a name here.
  const deployment = { 'queue-sidecar-image': `${knativeRegistry}/queue:1`, 'progress-deadline': '30s' }
  await configure(cluster, 'deployment', { ...deployment, 'registries-skipping-tag-resolving': knativeRegistry })
  await configure(cluster, 'network', { 'ingress-class': 'test.ingress.networking.knative.dev' })
  await configure(cluster, 'domain', { 'knative.test': '' })
  // A ServerlessService is ready only where an activator seems to be there.
  const metadata = { name: 'activator-service', namespace: system }
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'http', port: 80, targetPort: 8012 }] } },
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata,
      subsets: [{ addresses: [{ ip: '10.0.255.1' }], ports: [{ name: 'http', port: 8012 }] }],
    },
  )
}

const yamlIn = (folder: string, name: string): string[] =>
  readdirSync(join(folder, name)).map((file) => readFileSync(join(folder, name, file), 'utf8'))

async function configure(cluster: Cluster, name: string, data: Record<string, string>): Promise<void> {
  await cluster.api.patch(`/api/v1/namespaces/${system}/configmaps/config-${name}`, { data })
}

/** Each of its reconcilers takes a lease when it begins to work. */
async function leading(cluster: Cluster): Promise<void> {
  await until('Knative at work', async () => {
    cluster.processes.check()
    const leases = await cluster.api.list(`/apis/coordination.k8s.io/v1/namespaces/${system}/leases`)
    return leases.length > 0 && leases.every((lease) => lease['spec'].holderIdentity)
  })
}

export function knativeService({ name, namespace, image, revisionName, annotations }: KnativeServiceOptions): object {
  const autoscaling = {
    'autoscaling.knative.dev/class': 'hpa.autoscaling.knative.dev',
    'autoscaling.knative.dev/metric': 'cpu',
    'autoscaling.knative.dev/target': '80',
    'autoscaling.knative.dev/min-scale': '1',
    'autoscaling.knative.dev/max-scale': '3',
  }
  const container = {
    name: 'user-container',
    image,
    resources: {},
    readinessProbe: { tcpSocket: { port: 0 }, successThreshold: 1 },
  }
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      template: {
        metadata: {
          annotations: { ...autoscaling, ...annotations },
          ...(revisionName === undefined ? {} : { name: revisionName }),
        },
        spec: { containerConcurrency: 0, timeoutSeconds: 300, containers: [container] },
      },
      traffic: [{ latestRevision: true, percent: 100 }],
    },
  }
}
